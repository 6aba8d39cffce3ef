import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import pg from 'pg'
import { creationsOf, migrationsDir, readMigration, splitStatements } from '../migrate/files.ts'
import { OTHER_WRITES } from '../migrate/history.ts'
import { quotedSchema } from '../migrate/session.ts'
import { MIGRATIONS } from '../schema.ts'
import type { Layout } from './layout.ts'

const readLayout = (layout: Layout) =>
  readFile(join(migrationsDir(), 'layouts', `${layout}.sql`), 'utf8')

/** The statements that give a migrated store this layout, for one transaction. */
export async function statementsFor(
  layout: Layout,
  schema: string,
  shards: number,
): Promise<string[]> {
  const statements = splitStatements(
    (await readLayout(layout))
      .replaceAll(/(?<!:):schema\b/g, pg.escapeLiteral(quotedSchema(schema)))
      .replaceAll(/(?<!:):path\b/g, quotedSchema(schema))
      .replaceAll(/(?<!:):shards\b/g, String(shards)),
  )
  return layout === 'single' ? [...statements, ...(await replaced())] : statements
}

/** The statements that create or replace each function with arguments, in this layout. */
export async function functionsWithArguments(
  layout: Layout,
  schema: string,
): Promise<Map<string, string[]>> {
  const files = await Promise.all(MIGRATIONS.map(readMigration))
  const own = layout === 'single' ? [] : await statementsFor(layout, schema, 0)
  const statements = [...files.flatMap(({ up }) => splitStatements(up)), ...own]
  const found = new Map<string, string[]>()
  for (const statement of statements) {
    const [, created] = /^create (?:or replace )?function (\w+)\((?!\))/.exec(statement) ?? []
    const replace = statement.replace(/^create (?:or replace )?/, 'create or replace ')
    if (created) found.set(created, [replace])
    const [, sent = ''] = /^select create_distributed_function\('(\w+)/.exec(statement) ?? []
    found.get(sent)?.push(statement)
  }
  return found
}

/** The functions and triggers of the migrations that a distributed store has in another form. */
async function replaced(): Promise<string[]> {
  const distributed = await readLayout('distributed')
  const [functions, triggers] = [
    /^create or replace function (\w+)|'(wfstore_(?:keep|count|bill)_\w+)'/gm,
    /^drop trigger (\w+)/gm,
  ].map((pattern) => new Set([...distributed.matchAll(pattern)].flatMap(([, ...names]) => names)))
  const files = await Promise.all(MIGRATIONS.map(readMigration))
  return files
    .flatMap(({ up }) => creationsOf(up))
    .flatMap(({ kind, name, statement }) => {
      if (kind === 'function' && functions?.has(name))
        return [statement.replace(/^create/, 'create or replace')]
      return kind === 'trigger' && triggers?.has(name) ? [statement] : []
    })
}

/**
 * Statements after the transaction, which can be repeated. A worker notes in the sequence when another client than wfstore wrote, and
 * Citus creates and drops none there.
 */
export function afterwards(layout: Layout, schema: string): string[] {
  const name = `${quotedSchema(schema)}.${OTHER_WRITES}`
  const statement =
    layout === 'single'
      ? `drop sequence if exists ${name}`
      : `create sequence if not exists ${name}`
  return [`select run_command_on_workers(${pg.escapeLiteral(statement)})`]
}
