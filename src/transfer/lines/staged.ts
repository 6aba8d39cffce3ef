import type { Layout } from '../../db/distributed/layout.ts'
import { isRunOrNone } from '../../tables/column.ts'
import type { LineColumn, LineTable } from './table.ts'

/** The rows of a kind that wait until all lines have come. They go with the transaction. */
export interface Staged {
  table: LineTable
  /** How many of them the server has. */
  rows: number
  /** How many lines were sent. */
  lines: number
  /** How many of the lines leave out the column at each place. */
  absent: number[]
  /** A FROM item with the rows, if they are not read from the staging table. */
  source?: string
}

/** A column of a staging table. */
export interface StagedColumn extends LineColumn {
  /** Its name there: the application's own name could be one of ours. */
  staged: string
  place: number
  /** Which of the lines leave it out. */
  absent: 'none' | 'all' | 'some'
}

export const stagedColumns = ({ table, lines, absent }: Staged): StagedColumn[] =>
  table.lineColumns.map((column, place) => ({
    ...column,
    staged: nameAt(place),
    place,
    absent: absent[place] === 0 ? 'none' : absent[place] === lines ? 'all' : 'some',
  }))

const nameAt = (place: number) => `c${place}`

/** The name of a field's column in the staging table. */
export const stagedField = ({ table }: Staged, name: string): string =>
  nameAt(table.lineColumns.findIndex(({ field }) => field?.name === name))

export const stageOf = ({ kind }: LineTable): string => `pg_temp.wfstore_staged_${kind}`

/** What a statement reads the staged rows from. */
export const sourceOf = ({ source, table }: Staged): string => source ?? stageOf(table)

/** The columns have the types of the real ones, so each type reads its values itself. */
export function createStage(table: LineTable): string {
  const columns = table.lineColumns.map(
    ({ type, collation }, place) => `${nameAt(place)} ${type} ${collation}`,
  )
  return `create temporary table ${stageOf(table).replace('pg_temp.', '')} (
    line bigint not null, absent smallint[], refs jsonb, ${columns.join(', ')}) on commit drop`
}

export function copyIntoStage(table: LineTable): string {
  const columns = table.lineColumns.map((_, place) => nameAt(place))
  return `copy ${stageOf(table)} (line, absent, refs, ${columns.join(', ')}) from stdin`
}

/** COPY of whole rows to their table itself. */
export const copyIntoTable = ({ name, lineColumns }: LineTable): string =>
  `copy ${name} (${lineColumns.map(({ quoted }) => quoted).join(', ')}) from stdin`

/** For the statements that follow. A sample of the wide columns would take long, and no plan needs it. */
export function indexStage({ table }: Staged): string {
  const ids = [...table.key, 'executionId']
  const places = [...table.lineColumns.entries()].filter(
    ([, { field }]) => field && ids.includes(field.name),
  )
  const names = ['line', ...places.map(([place]) => nameAt(place))]
  const stage = stageOf(table)
  return `create index on ${stage} (line); analyze ${stage} (${names.join(', ')})`
}

export const dropStage = ({ table }: Staged): string => `drop table ${stageOf(table)}`

export interface InsertOptions {
  /** Of two lines with one key, the first in this order is taken. */
  order: 'asc' | 'desc'
  /** Takes only the lines from $1 to $2. */
  range?: boolean
  layout?: Layout
}

/** Inserts staged rows into their table. A row that is there stays as it is. A column that a line leaves out gets its default. */
export function insertOf(staged: Staged, { order, range = false, layout }: InsertOptions): string {
  const { table } = staged
  const columns = stagedColumns(staged)
  const given = columns.filter(({ absent }) => absent !== 'all')
  // Every key of a distributed store contains the execution, which decides the shard.
  const names = layout === 'distributed' ? [...table.key, 'executionId'] : table.key
  const key = columns.filter(({ field }) => field && names.includes(field.name))
  return `insert into ${table.name} (${given.map(({ quoted }) => quoted).join(', ')}) overriding system value
    select ${given.map(valueSql).join(', ')} from ${stageOf(table)} s
    ${range ? 'where s.line between $1 and $2' : ''} order by s.line ${order}
    on conflict (${key.map(({ quoted }) => quoted).join(', ')}) do nothing`
}

function valueSql(column: StagedColumn): string {
  const given = `s.${column.staged}`
  const value =
    column.field && isRunOrNone(column.field) ? `coalesce(${given}, wfstore_no_run())` : given
  if (column.absent === 'none' || column.default === null) return value
  return `case when ${isAbsent(column)} then ${column.default} else ${value} end`
}

/** Does the line leave the column out? Null if it leaves out none. */
export const isAbsent = ({ place }: StagedColumn): string => `${place} = any(s.absent)`
