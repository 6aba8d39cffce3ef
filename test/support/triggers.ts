import type { TestDatabase } from './database.ts'

/** Runs statements without the triggers of their tables, also those of the shards of a distributed store. */
export async function withoutTriggers(
  { sql }: Pick<TestDatabase, 'sql'>,
  ...statements: [text: string, values?: unknown[]][]
): Promise<void> {
  await sql('begin')
  try {
    // Citus sends a setting to the nodes with the whole text of its query.
    await sql("set local citus.propagate_set_commands = 'local'")
    await sql('set local session_replication_role = replica')
    for (const [text, values] of statements) await sql(text, values)
    await sql('commit')
  } catch (error) {
    await sql('rollback')
    throw error
  }
}
