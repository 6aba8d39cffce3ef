import type { TestDatabase } from './database.ts'

type Statement = [text: string, values?: unknown[]]

/** Runs statements without the triggers of their tables, also those of the shards of a distributed store. */
export const withoutTriggers = (
  database: Pick<TestDatabase, 'sql'>,
  ...statements: Statement[]
): Promise<void> => withSetting(database, 'session_replication_role = replica', ...statements)

/** Runs statements in a transaction with this setting, on every node. */
export async function withSetting(
  { sql }: Pick<TestDatabase, 'sql'>,
  setting: string,
  ...statements: Statement[]
): Promise<void> {
  await sql('begin')
  try {
    // Citus sends a setting to the nodes with the whole text of its query.
    await sql("set local citus.propagate_set_commands = 'local'")
    await sql(`set local ${setting}`)
    for (const [text, values] of statements) await sql(text, values)
    await sql('commit')
  } catch (error) {
    await sql('rollback')
    throw error
  }
}
