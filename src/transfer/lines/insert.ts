import type { Staged, StagedColumn } from './stage.ts'

export interface InsertOptions {
  /** Which of two lines with one key is taken: the one that comes first in this order. */
  order: 'asc' | 'desc'
  /** Takes the lines from $1 to $2 only. */
  range?: boolean
}

/**
 * SQL that takes staged rows to their table. A row that is there stays as it is. A column that a line leaves out gets its
 * default.
 */
export function insertOf({ table, name, columns }: Staged, options: InsertOptions): string {
  const { order, range = false } = options
  const given = columns.filter(({ absent }) => absent !== 'all')
  return `insert into ${table.name} (${given.map(({ quoted }) => quoted).join(', ')}) overriding system value
    select ${given.map(valueSql).join(', ')} from ${name} s
    ${range ? 'where s.line between $1 and $2' : ''} order by s.line ${order}
    on conflict (${keyOf(table.key, columns).join(', ')}) do nothing`
}

function valueSql(column: StagedColumn): string {
  const value = `s.${column.staged}`
  if (column.absent === 'none' || column.default === null) return value
  return `case when ${isAbsent(column)} then ${column.default} else ${value} end`
}

/** Does the line leave the column out? Null where it leaves out none. */
export const isAbsent = ({ place }: StagedColumn): string => `${place} = any(s.absent)`

const keyOf = (key: readonly string[], columns: readonly StagedColumn[]): string[] =>
  columns.filter(({ field }) => field && key.includes(field.name)).map(({ quoted }) => quoted)
