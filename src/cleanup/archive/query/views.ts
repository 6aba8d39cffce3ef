import { tableOf } from '../../../tables/tables.ts'
import type { ArchiveColumn, Cleaned } from '../../types.ts'
import type { FileColumn } from '../parquet/plan.ts'
import { MOST_DIGITS, type Stored, storedFor } from '../parquet/types.ts'
import { literal, quoted } from './duckdb.ts'

/** A Parquet file of an archive. Of a row that two have, the later file has it as it was deleted. */
export interface QueryFile {
  path: string
  columns: readonly FileColumn[]
}

/** A table that a query reads: the files of all archives that have rows of it. */
export interface QueryTable {
  kind: Cleaned
  name: string
  columns: QueryColumn[]
  files: readonly QueryFile[]
}

interface QueryColumn {
  name: string
  /** In DuckDB. */
  type: string
  /** Why amounts, counts or times are text. */
  problem?: string
}

const TYPES: Record<Exclude<Stored, 'decimal'>, string> = {
  text: 'VARCHAR',
  raw: 'JSON',
  json: 'JSON',
  uuid: 'UUID',
  boolean: 'BOOLEAN',
  int32: 'INTEGER',
  int64: 'BIGINT',
  double: 'DOUBLE',
  time: 'TIMESTAMPTZ',
}

/**
 * The table with the columns of all files. An archive without a file of a kind still names its columns.
 * @param known the columns of the archives
 */
export function queryTable(
  kind: Cleaned,
  files: readonly QueryFile[],
  known: readonly ArchiveColumn[],
): QueryTable {
  const held = new Map<string, FileColumn[]>()
  for (const { name } of known) held.set(name, [])
  for (const file of files)
    for (const column of file.columns)
      held.set(column.name, [...(held.get(column.name) ?? []), column])
  const columns = [...held].map(([name, found]): QueryColumn => {
    if (found.length > 0) return { name, ...commonType(found) }
    const stored = storedFor(known.find((column) => column.name === name)?.type ?? 'text')
    return { name, type: stored === 'decimal' ? `DECIMAL(${MOST_DIGITS}, 0)` : TYPES[stored] }
  })
  return { kind, name: tableOf(kind).name, columns, files }
}

/** The type that holds each value exactly. */
function commonType(columns: readonly FileColumn[]): Omit<QueryColumn, 'name'> {
  const stored = new Set(columns.map((column) => column.stored))
  const fits = new Set(columns.map((column) => column.fits))
  if (stored.size === 1 && stored.has('decimal')) {
    const most = (of: 'digits' | 'scale') => Math.max(...columns.map((column) => column[of]))
    if (most('digits') + most('scale') <= MOST_DIGITS)
      return { type: `DECIMAL(${MOST_DIGITS}, ${most('scale')})` }
  } else if (stored.size === 1) {
    const [one] = stored as Set<Exclude<Stored, 'decimal'>>
    if (one !== 'text' || fits.has('text')) return { type: TYPES[one ?? 'text'] }
  } else if ([...stored].every((each) => each === 'int32' || each === 'int64'))
    return { type: TYPES.int64 }
  return fits.size === 1 && fits.has('decimal')
    ? { type: TYPES.text, problem: `not all amounts have a common type of ${MOST_DIGITS} digits` }
    : { type: TYPES.text, problem: 'not all values fit one type' }
}

const keyOf = ({ kind }: QueryTable): string => {
  const { key, fields } = tableOf(kind)
  const columns = fields.filter(({ name }) => key.includes(name)).map(({ column }) => column)
  return columns.map(quoted).join(', ')
}

/** The place of a row in the order of the archives. */
const PLACE = 'wfstore_place'
const ROWS_OF_FILE = '(1::bigint << 40)'

/** SELECT of the rows of all files. Files with the same types are read together. */
function rowsSql({ columns, files }: QueryTable): string {
  const groups = new Map<string, QueryFile[]>()
  for (const file of files) {
    const form = file.columns.map(({ name, stored, scale }) => [name, stored, scale])
    const key = JSON.stringify(form)
    groups.set(key, [...(groups.get(key) ?? []), file])
  }
  if (groups.size === 0) {
    const empty = columns.map(({ name, type }) => `null::${type} as ${quoted(name)}`)
    return `select ${empty.join(', ')}, 0::bigint as ${PLACE} where false`
  }
  const order = `[${files.map(({ path }) => literal(path)).join(', ')}]`
  return [...groups.values()]
    .map((group) => {
      const has = new Set(group[0]?.columns.map(({ name }) => name))
      const values = columns.map(
        ({ name, type }) => `${has.has(name) ? quoted(name) : 'null'}::${type} as ${quoted(name)}`,
      )
      const paths = group.map(({ path }) => literal(path)).join(', ')
      return `select ${values.join(', ')}, list_position(${order}, filename) * ${ROWS_OF_FILE} + file_row_number as ${PLACE}
        from read_parquet([${paths}], filename = true, file_row_number = true, hive_partitioning = false)`
    })
    .join(' union all ')
}

const repeatedOf = ({ name }: QueryTable) => quoted(`wfstore_repeated_${name}`)

/**
 * Keeps the last place of each row that several archives have: after a restore and another cleanup, or after a killed one.
 * It reads only the keys.
 */
export function repeatedSql(table: QueryTable): string {
  const key = keyOf(table)
  return `create temp table ${repeatedOf(table)} as select ${key}, max(${PLACE}) as ${PLACE}
    from (${rowsSql(table)}) group by ${key} having count(*) > 1`
}

/** @param repeated the number of repeated rows */
export function viewSql(table: QueryTable, repeated: number): string {
  const names = table.columns.map(({ name }) => quoted(name)).join(', ')
  const once =
    repeated === 0
      ? ''
      : `where not exists (select 1 from ${repeatedOf(table)} r where ${sameKey(table)} and r.${PLACE} <> s.${PLACE})`
  return `create view ${quoted(table.name)} as select ${names} from (${rowsSql(table)}) s ${once}`
}

const sameKey = (table: QueryTable) =>
  keyOf(table)
    .split(', ')
    .map((column) => `r.${column} = s.${column}`)
    .join(' and ')
