import type { CatalogColumn } from '../catalog.ts'
import { creationsOf, splitStatements } from '../migrate/files.ts'
import { literal, quote } from '../query/sql.ts'
import { keyIndex, type Preparation } from './copies.ts'
import { planConstraints, retypedColumns } from './differences.ts'
import { OLD_INDEXES } from './legacy.ts'
import { mapping } from './status-words.ts'
import { isOldIndex, isOldTrigger, type Survey, tableOf } from './survey.ts'
import { swapped, swapStatements } from './swap.ts'
import { isUtc, type LegacyZones, zoneOf } from './zones.ts'

/**
 * The statements that change the surveyed schema to that of 001_tables, in order. Tables are altered, which keeps
 * their rows, privileges, comments and other objects of the application. The rest of the migration runs unchanged.
 */
export function adoptionStatements(
  survey: Survey,
  preparations: readonly Preparation[] = [],
): string[] {
  const after = swapped(survey, preparations)
  const prepared = (table: string) => preparations.find((one) => one.table === table)
  return [
    ...freeings(survey, preparations),
    ...preparations.flatMap(swapStatements),
    ...survey.tables.flatMap((table) => alteration(after, table, prepared(table))),
    ...renamings(survey),
    ...survey.tables
      .filter((table) => planConstraints(survey, table).refusing.length > 0)
      .map(mapping),
    ...restOf(survey),
  ]
}

/**
 * Drops the old objects that block the changes or are no longer needed, except the old views. The old trigger function
 * stays: other tables use it, and the set-up of the application creates triggers with it.
 */
function freeings(survey: Survey, preparations: readonly Preparation[]): string[] {
  const needed = neededIndexes(survey, preparations)
  const triggers = survey.triggers.filter(isOldTrigger)
  return [
    ...survey.tables.flatMap((table) =>
      [...planConstraints(survey, table).displaced].map(
        ([{ name }, free]) =>
          `alter table ${table} rename constraint ${quote(name)} to ${quote(free)}`,
      ),
    ),
    ...survey.tables.flatMap((table) =>
      planConstraints(survey, table)
        .drop.filter(({ kind }) => kind === 'f')
        .map(({ name }) => `alter table ${table} drop constraint ${quote(name)}`),
    ),
    ...survey.indexes
      .filter((index) => isOldIndex(index) && !needed.includes(index.name))
      .map(({ name }) => `drop index ${quote(name)}`),
    ...triggers.map(({ name, tableName }) => `drop trigger ${quote(name)} on ${tableName}`),
  ]
}

/**
 * The old indexes of large tables that stay until ours are built, so that lists of the application stay fast. One with a
 * time or a copied column cannot stay: it would be built again under the lock.
 */
export function neededIndexes(survey: Survey, preparations: readonly Preparation[]): string[] {
  return preparations.flatMap(({ table, copies }) => {
    const changed = retypedColumns(survey)
      .filter(({ from }) => from.tableName === table && from.baseType === 'timestamp')
      .map(({ to }) => to.name)
    const lost = new Set([...changed, ...copies.map(({ to }) => to.name)])
    return tableOf(survey, table)
      .indexes.filter(isOldIndex)
      .filter(({ name }) => name in (OLD_INDEXES[table] ?? {}))
      .filter(({ shape }) => (shape.match(/\w+/g) ?? []).every((word) => !lost.has(word)))
      .map(({ name }) => name)
  })
}

/** One statement for each table, so that PostgreSQL rewrites it at most once. It does not rewrite a prepared table. */
function alteration(survey: Survey, table: string, preparation?: Preparation): string[] {
  const { columns, expectedColumns } = tableOf(survey, table)
  const { add, drop } = planConstraints(survey, table)
  const actions = [
    ...drop.filter(({ kind }) => kind !== 'f').map(({ name }) => `drop constraint ${quote(name)}`),
    ...expectedColumns.flatMap((to) =>
      columnActions(
        columns.find(({ name }) => name === to.name),
        to,
        survey.zones,
      ),
    ),
    // 006_values reads the rows for the checks later, without the exclusive lock.
    ...add.map(({ name, kind, definition }) =>
      preparation?.key && kind === 'p'
        ? `add constraint ${name} primary key using index ${keyIndex(preparation.key)}`
        : `add constraint ${name} ${definition}${kind === 'c' ? ' not valid' : ''}`,
    ),
  ]
  return actions.length === 0 ? [] : [`alter table ${table}\n  ${actions.join(',\n  ')}`]
}

function columnActions(
  from: CatalogColumn | undefined,
  to: CatalogColumn,
  zones: LegacyZones,
): string[] {
  if (!from) {
    const rest = `${to.notNull ? ' not null' : ''}${to.defaultValue === null ? '' : ` default ${to.defaultValue}`}`
    return [`add column ${to.name} ${to.type}${rest}`]
  }
  const alter = `alter column ${to.name}`
  const retyped = from.type !== to.type || from.collation !== to.collation
  const actions: string[] = []
  // A default is created again for the new type instead of cast.
  const redefault = from.defaultValue !== to.defaultValue || (retyped && to.defaultValue !== null)
  if (from.defaultValue !== null && redefault) actions.push(`${alter} drop default`)
  // Without USING a timestamp is read in the time zone of the session, which is UTC. That does not rewrite the table.
  const zone = from.baseType === 'timestamp' ? zoneOf(zones, to.tableName, to.name) : 'UTC'
  const using = isUtc(zone) ? '' : ` using ${quote(to.name)} at time zone ${literal(zone)}`
  if (retyped) actions.push(`${alter} type ${to.type}${using}`)
  if (to.defaultValue !== null && redefault) actions.push(`${alter} set default ${to.defaultValue}`)
  if (from.notNull !== to.notNull) actions.push(`${alter} ${to.notNull ? 'set' : 'drop'} not null`)
  return actions
}

function renamings(survey: Survey): string[] {
  return survey.tables.flatMap((table) =>
    planConstraints(survey, table).rename.map(
      ({ from, to }) => `alter table ${table} rename constraint ${quote(from.name)} to ${to.name}`,
    ),
  )
}

/** The statements of the migration, except those that create existing tables. */
function restOf({ migrations, tables }: Survey): string[] {
  const adopted = new Set(
    creationsOf(migrations.tables)
      .filter(({ kind, name }) => kind === 'table' && tables.includes(name))
      .map(({ statement }) => statement),
  )
  return splitStatements(migrations.tables).filter((statement) => !adopted.has(statement))
}
