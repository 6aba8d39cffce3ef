/**
 * The five tables, each described once. From these descriptions derive the types of rows and of what may be written,
 * the decoding of results, the checks of what callers give, JSON names, the lines of an export and of an archive, and
 * the columns of a batch. A new column is a migration and one line here.
 */

export type ColumnType =
  | 'uuid'
  | 'text'
  /** text that is not empty when it is written through the library */
  | 'name'
  /** text such as 2024-12 when it is written through the library */
  | 'month'
  /** timestamptz */
  | 'time'
  /** bigint, 0 or more */
  | 'count'
  /** integer, 0 or more */
  | 'integer'
  /** numeric US dollars, 0 or more */
  | 'amount'
  /** numeric */
  | 'number'
  | 'boolean'
  /** jsonb */
  | 'json'

/** Who may write a column through the library: any call, only the one that adds the row, or only wfstore itself. */
export type Writers = 'all' | 'create' | 'wfstore'

export interface Column<
  Type extends ColumnType = ColumnType,
  Nullable extends boolean = boolean,
  HasDefault extends boolean = boolean,
  By extends Writers = Writers,
  Value extends string = string,
> {
  type: Type
  nullable: Nullable
  /** Whether the table has a default, so that a row may be added without a value. */
  hasDefault: HasDefault
  /** SQL of that default. */
  default?: string
  writers: By
  /** All values that the column may hold. */
  values?: readonly Value[]
}

export type Columns = Readonly<Record<string, Column>>

export interface TableDescription<C extends Columns = Columns> {
  /** The name of its rows in an export: {"execution":{…}}. */
  kind: string
  name: string
  /** Of the table in every statement. */
  alias: string
  /** What a row is called in messages. */
  noun: string
  /** The fields of the primary key; the last is the row's own id. */
  key: readonly string[]
  /** The columns by their JSON names, in the order of the table. */
  columns: C
  /** Two times of which the second is not before the first. */
  span?: readonly [string, string]
  /** Where this field is set, the row is a correction: amounts and counts may be below 0. */
  correction?: string
}

const column = <Type extends ColumnType>(type: Type): Column<Type, false, false, 'all', never> => ({
  type,
  nullable: false,
  hasDefault: false,
  writers: 'all',
})

export const uuid = column('uuid')
export const text = column('text')
export const name = column('name')
export const month = column('month')
export const time = column('time')
export const count = column('count')
export const integer = column('integer')
export const amount = column('amount')
export const number = column('number')
export const boolean = column('boolean')
export const json = column('json')

export const optional = <C extends Column>(inner: C): Omit<C, 'nullable'> & { nullable: true } => ({
  ...inner,
  nullable: true,
})

export const withDefault = <C extends Column>(
  inner: C,
  sql: string,
): Omit<C, 'hasDefault'> & { hasDefault: true } => ({ ...inner, hasDefault: true, default: sql })

export const oneOf = <const Value extends string>(
  values: readonly Value[],
): Column<'text', false, false, 'all', Value> => ({ ...column('text'), values })

/** A primary key: given when the row is added, or made then. */
export const key = { ...column('uuid'), hasDefault: true, writers: 'create' } as const

/** A part of a primary key that the caller gives. */
export const parentKey = { ...column('uuid'), writers: 'create' } as const

/** A column that wfstore alone writes. */
export const byWfstore = <C extends Column>(
  inner: C,
): Omit<C, 'writers'> & { writers: 'wfstore' } => ({ ...inner, writers: 'wfstore' })

/** When the row was added or last changed: the database writes it. */
export const stamp = byWfstore(optional(withDefault(time, 'now()')))

/** What names columns names those of this table. */
interface Named<C extends Columns> extends TableDescription<C> {
  key: readonly (keyof C & string)[]
  span?: readonly [keyof C & string, keyof C & string]
  correction?: keyof C & string
}

export const table = <const C extends Columns>(description: Named<C>): TableDescription<C> =>
  description
