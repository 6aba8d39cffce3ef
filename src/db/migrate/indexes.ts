import type { Queryable } from '../query/connection.ts'
import * as d from '../query/decode.ts'
import { query } from '../query/query.ts'
import { sql } from '../query/sql.ts'
import { MIGRATIONS } from '../schema.ts'
import { type Creation, creationsOf, readMigration, splitStatements } from './files.ts'

/**
 * The statements of a script that builds indexes concurrently, without the indexes that an interrupted run has
 * already built. An index that it left invalid is dropped first.
 */
export async function withoutBuilt(
  db: Queryable,
  schema: string,
  script: string,
): Promise<string[]> {
  const builds = creationsOf(script).filter(({ kind }) => kind === 'index')
  const found = await readBuilt(db, schema, builds)
  return splitStatements(script).flatMap((statement) => {
    const build = builds.find((creation) => creation.statement === statement)
    const left = found.find(
      ({ name, tableName }) => name === build?.name && tableName === build.table,
    )
    if (!left) return [statement]
    return left.valid ? [] : rebuild(left.name, statement)
  })
}

export const dropIndex = (name: string): string => `drop index concurrently if exists ${name}`

export interface Rebuild {
  name: string
  statements: string[]
}

/** The indexes of these migrations that a crash or a failed REINDEX left invalid, with the statements that rebuild them. */
export async function invalidIndexes(
  db: Queryable,
  schema: string,
  applied: readonly string[],
): Promise<Rebuild[]> {
  const names = MIGRATIONS.filter((name) => applied.includes(name))
  const files = await Promise.all(names.map((name) => readMigration(name)))
  const builds = files
    .flatMap(({ up }) => creationsOf(up))
    .filter(({ kind, statement }) => kind === 'index' && /\bconcurrently\b/i.test(statement))
  const found = await readBuilt(db, schema, builds)
  return found
    .filter(({ valid }) => !valid)
    .flatMap(({ name, tableName }) =>
      builds
        .filter((build) => build.name === name && build.table === tableName)
        .map(({ statement }) => ({ name, statements: rebuild(name, statement) })),
    )
}

const rebuild = (name: string, statement: string) => [`drop index concurrently ${name}`, statement]

function readBuilt(db: Queryable, schema: string, builds: readonly Creation[]) {
  return query(
    db,
    sql`select i.relname as name, c.relname as table_name, x.indisvalid as valid
     from pg_index x
     join pg_class i on i.oid = x.indexrelid
     join pg_class c on c.oid = x.indrelid
     where i.relnamespace = (select oid from pg_namespace where nspname = ${schema})
       and i.relname = any(${builds.map(({ name }) => name)}::text[])`,
    { name: d.text(), tableName: d.text(), valid: d.boolean() },
  )
}
