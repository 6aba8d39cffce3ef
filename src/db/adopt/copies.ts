import type { CatalogColumn, Constraint } from '../catalog.ts'
import { literal, quote } from '../query/sql.ts'
import { planConstraints, retypedColumns } from './differences.ts'
import { TOUCHED_TABLES } from './legacy.ts'
import { COPIED, COPY_TRIGGER, copyFunction, FILLS, NEW, REQUIRED } from './names.ts'
import { type Survey, tableOf } from './survey.ts'
import { isUtc, type LegacyZones, zoneOf } from './zones.ts'

/**
 * Adoption in two phases. The first copies each column whose change of type would rewrite its table into a new column,
 * in small transactions while the application writes. A trigger copies what it writes. The second takes the exclusive
 * lock, drops the old column and renames the new one, which reads no rows.
 */
export interface Copy {
  from: CatalogColumn
  to: CatalogColumn
  /** The new column until the second phase. */
  name: string
}

/** What the first phase does with one table. */
export interface Preparation {
  table: string
  copies: Copy[]
  /** A condition that each row meets: its copies are right, and our checks accept it. */
  copied: string
  /** The columns that become NOT NULL, by their names in the first phase. */
  required: string[]
  /** The new primary key, if its index is built first. */
  key: Constraint | undefined
  zones: LegacyZones
}

export const keyIndex = ({ name }: Constraint): string => `${NEW}${name}`

export function preparationOf(survey: Survey, table: string): Preparation {
  const { columns, expectedColumns, expectedConstraints } = tableOf(survey, table)
  const { zones } = survey
  const copies = retypedColumns(survey)
    .filter((retyped) => retyped.table === table && !isFree(retyped.from, retyped.to, zones))
    .map(({ from, to }) => ({ from, to, name: `${NEW}${to.name}` }))
  // Our checks, except that of the status: the trigger that maps other statuses comes with the second phase.
  // A check of a column that the table does not have yet comes with the second phase, too.
  const known = new Set(columns.map(({ name }) => name))
  const checks = expectedConstraints.filter(
    (check) =>
      !check.name.endsWith('_status_check') &&
      (JSON.parse(check.columns) as string[]).every((name) => known.has(name)),
  )
  const required = expectedColumns.flatMap(({ name, notNull }) => {
    const from = columns.find((column) => column.name === name)
    const copy = copies.find(({ to }) => to.name === name)
    return from && notNull && (copy || !from.notNull) ? [copy?.name ?? name] : []
  })
  return {
    table,
    copies,
    copied: [
      ...copies.map((copy) => `${copy.name} is not distinct from ${copiedValue(copy, zones)}`),
      ...checks.flatMap(({ kind, expression }) => (kind === 'c' && expression ? [expression] : [])),
    ].join(' and '),
    required,
    key: planConstraints(survey, table).add.find(({ kind }) => kind === 'p'),
    zones,
  }
}

/** The value of the new column. @param row 'new.' in a trigger */
function copiedValue({ from, to }: Copy, zones: LegacyZones, row = ''): string {
  const value = `${row}${quote(to.name)}`
  return from.baseType === 'timestamp'
    ? `${value} at time zone ${literal(zoneOf(zones, to.tableName, to.name))}`
    : `${value}::${to.type}`
}

/** True if PostgreSQL changes the type without reading the rows. The time zone of the session must be UTC. */
function isFree(from: CatalogColumn, to: CatalogColumn, zones: LegacyZones): boolean {
  if (from.baseType === to.baseType) return true
  if (to.baseType === 'timestamptz') return isUtc(zoneOf(zones, to.tableName, to.name))
  return from.baseType === 'varchar' && to.baseType === 'text'
}

/** The statements that prepare a table, in one transaction. From then on the trigger copies what the application writes. */
export function setUp(preparation: Preparation): string[] {
  const { table, copies, copied, required } = preparation
  const actions = [
    ...copies.map(({ name, to }) => {
      const value = to.defaultValue === null ? '' : ` default ${to.defaultValue}`
      return `add column ${name} ${to.type}${value}`
    }),
    `add constraint ${COPIED} check (${copied}) not valid`,
    ...(required.length === 0
      ? []
      : [
          `add constraint ${REQUIRED} check (${required.map((name) => `${name} is not null`).join(' and ')}) not valid`,
        ]),
  ]
  return [
    `alter table ${table}\n  ${actions.join(',\n  ')}`,
    `comment on constraint ${COPIED} on ${table} is ${literal(fingerprint(preparation))}`,
    ...(copies.length === 0
      ? []
      : [
          copyFunctionOf(preparation),
          `create trigger ${quote(COPY_TRIGGER)} before insert or update on ${table} for each row execute function ${copyFunction(table)}()`,
          // Also in sessions that replicate, or that fill the new columns.
          `alter table ${table} enable always trigger ${quote(COPY_TRIGGER)}`,
        ]),
  ]
}

/** Tells whether a table was prepared for the same types and time zones. */
export const fingerprint = ({ copied, required }: Preparation): string =>
  `wfstore migrate up copies columns: ${[copied, ...required].join(', ')}`

/** Filling the new columns is no update of the row: its updated_at stays. */
function copyFunctionOf({ table, copies, zones }: Preparation): string {
  return [
    `create or replace function ${copyFunction(table)}() returns trigger language plpgsql`,
    `  set search_path = pg_catalog, pg_temp as $$`,
    `begin`,
    ...(TOUCHED_TABLES.includes(table)
      ? [
          `  if tg_op = 'UPDATE' and current_setting('${FILLS}', true) = 'on' then`,
          `    new.updated_at := old.updated_at;`,
          `  end if;`,
        ]
      : []),
    ...copies.map((copy) => `  new.${copy.name} := ${copiedValue(copy, zones, 'new.')};`),
    `  return new;`,
    `end $$`,
  ].join('\n')
}

/** Fills the new columns of the rows in some pages. Rows that have their values already are not written. */
export function fillStatement({ table, copies, zones }: Preparation, pages: string): string {
  const values = copies.map((copy) => `${copy.name} = ${copiedValue(copy, zones)}`)
  const wrong = copies.map((copy) => `${copy.name} is distinct from ${copiedValue(copy, zones)}`)
  return `update ${table} set ${values.join(', ')} where ${pages} and (${wrong.join(' or ')})`
}
