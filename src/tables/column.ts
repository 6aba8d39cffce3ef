/**
 * The tables, each described once. The types of rows and of what may be written, the decoding of results, the checks
 * of what callers give, JSON names, the lines of an export and an archive, and the columns of a batch derive from these
 * descriptions. A new column is a migration and one line here.
 */

/** What a column holds. A count is a whole number; an amount is US dollars. */
export type ColumnType =
  | 'uuid'
  | 'text'
  | 'time'
  | 'count'
  | 'integer'
  | 'amount'
  | 'number'
  | 'boolean'
  | 'json'

/** The type of such a column in PostgreSQL. */
export const SQL_TYPES = {
  uuid: 'uuid',
  text: 'text',
  time: 'timestamptz',
  count: 'bigint',
  integer: 'integer',
  amount: 'numeric',
  number: 'numeric',
  boolean: 'boolean',
  json: 'jsonb',
} as const satisfies Record<ColumnType, string>

/** Who may write a column through the library: any call, only the call that adds the row, or only wfstore. */
export type Writers = 'all' | 'create' | 'wfstore'

export interface ColumnDescription<
  Type extends ColumnType = ColumnType,
  Nullable extends boolean = boolean,
  HasDefault extends boolean = boolean,
  By extends Writers = Writers,
  Value extends Narrower = Narrower,
> {
  type: Type
  nullable: Nullable
  /** A row may be added without a value, because the table has a default. */
  hasDefault: HasDefault
  /** SQL of that default. */
  default?: string
  writers: By
  /** All values that the column may hold. */
  values?: readonly (Value & string)[]
  /**
   * What is required of what is written. name: a text that is not empty, and short enough for an index. key: a text short
   * enough for an index. month: such as 2024-12. object: JSON that is an object. tags: an object of texts.
   */
  rule?: 'name' | 'key' | 'month' | 'object' | 'tags'
}

/** What a column holds if not every value of its type: some texts, or objects. */
type Narrower = string | object

/**
 * The longest name, in bytes of UTF-8. An index row has at most 2,704 bytes, a third of a page
 * (https://www.postgresql.org/docs/current/btree.html), and the longest of ours and of the old application hold two names,
 * a time and an id. PostgreSQL compresses long values, but not random ones, so compression does not count.
 */
export const LONGEST_NAME = 1300

export const isTooLong = (text: string): boolean =>
  text.length * 3 > LONGEST_NAME && Buffer.byteLength(text) > LONGEST_NAME

/** A month as text. There is no year 0. */
export const isMonth = (text: string): boolean => /^(?!0000)\d{4}-(0[1-9]|1[0-2])$/.test(text)

export type Columns = Readonly<Record<string, ColumnDescription>>

/** A column with its names. */
export interface TableField extends ColumnDescription {
  /** In TypeScript and JSON: executionId. */
  name: string
  /** In SQL: execution_id. */
  column: string
}

export interface TableDescription<C extends Columns = Columns> {
  /** What a row is called in an export: {"execution":{…}}. */
  kind: string
  name: string
  /** The alias of the table in every statement. */
  alias: string
  /** What a row is called in messages. */
  noun: string
  /** The fields of the primary key. */
  key: readonly string[]
  /** The last field of the key: the row's own id. */
  id: string
  /** The columns by their JSON names, in the order of the table. */
  columns: C
  /** The same as a list. */
  fields: readonly TableField[]
  /** Two times of which the second is not before the first. */
  span?: readonly [string, string]
  /** If this field is set, the row is a correction: its amounts and counts can be below 0. */
  correction?: string
}

const column = <Type extends ColumnType>(
  type: Type,
): ColumnDescription<Type, false, false, 'all', never> => ({
  type,
  nullable: false,
  hasDefault: false,
  writers: 'all',
})

export const uuid = column('uuid')
export const text = column('text')
export const time = column('time')
/** 0 or more. */
export const count = column('count')
/** 0 or more. */
export const integer = column('integer')
/** 0 or more. */
export const amount = column('amount')
export const number = column('number')
export const boolean = column('boolean')
export const json = column('json')
/** JSON of which the library writes only objects. Older rows may hold any value. */
export const object: ColumnDescription<'json', false, false, 'all', object> = {
  ...column('json'),
  rule: 'object',
}

/** Text by name. */
export type Tags = Readonly<Record<string, string>>
export const tags: ColumnDescription<'json', false, false, 'all', Tags> = {
  ...column('json'),
  rule: 'tags',
}

/** A text that is not empty, and short enough for an index. */
export const name: typeof text = { ...text, rule: 'name' }
/** A text that is short enough for an index. */
export const keyText: typeof text = { ...text, rule: 'key' }
/** A text such as 2024-12. */
export const month: typeof text = { ...text, rule: 'month' }

export const optional = <
  T extends ColumnType,
  D extends boolean,
  W extends Writers,
  V extends Narrower,
>(
  inner: ColumnDescription<T, boolean, D, W, V>,
): ColumnDescription<T, true, D, W, V> => ({ ...inner, nullable: true })

export const withDefault = <
  T extends ColumnType,
  N extends boolean,
  W extends Writers,
  V extends Narrower,
>(
  inner: ColumnDescription<T, N, boolean, W, V>,
  sql: string,
): ColumnDescription<T, N, true, W, V> => ({ ...inner, hasDefault: true, default: sql })

export const oneOf = <const Value extends string>(
  values: readonly Value[],
): ColumnDescription<'text', false, false, 'all', Value> => ({ ...column('text'), values })

/** A row's own id: given when the row is added, or made then. */
export const key: ColumnDescription<'uuid', false, true, 'create', never> = {
  ...withDefault(uuid, 'gen_random_uuid()'),
  writers: 'create',
}

/** A part of a primary key that the caller gives. */
export const parentKey: ColumnDescription<'uuid', false, false, 'create', never> = {
  ...uuid,
  writers: 'create',
}

/** A column that only wfstore writes. */
export const byWfstore = <
  T extends ColumnType,
  N extends boolean,
  D extends boolean,
  V extends Narrower,
>(
  inner: ColumnDescription<T, N, D, Writers, V>,
): ColumnDescription<T, N, D, 'wfstore', V> => ({ ...inner, writers: 'wfstore' })

/** When the row was added or last changed: the database writes it. */
export const stamp = byWfstore(optional(withDefault(time, 'now()')))

/** Whether a row may be without an execution. A distributed store has an id for none; people and lines see null. */
export const isRunOrNone = ({ name, nullable }: TableField): boolean =>
  name === 'executionId' && nullable

/** `execution_id` of `executionId`. */
export const columnOf = (field: string): string =>
  field.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)

/** The names in a description must be columns of its table. */
interface Given<C extends Columns> extends Omit<TableDescription<C>, 'fields' | 'id'> {
  key: readonly (keyof C & string)[]
  span?: readonly [keyof C & string, keyof C & string]
  correction?: keyof C & string
}

export function table<const C extends Columns>(given: Given<C>): TableDescription<C> {
  const fields = Object.entries(given.columns).map(([field, description]) => ({
    ...description,
    name: field,
    column: columnOf(field),
  }))
  return { ...given, id: given.key.at(-1) as string, fields }
}
