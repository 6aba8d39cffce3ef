import type { ColumnDescription, Columns, TableDescription } from './column.ts'

/** A value in JSON. */
export type JsonValue =
  | string
  | number
  | boolean
  | null
  | JsonValue[]
  | { [name: string]: JsonValue }

/** A whole number, exact in any size: a number up to 2^53 - 1, a bigint beyond. */
export type Count = number | bigint

export type ColumnsOf<T> = T extends TableDescription<infer C> ? C : never

type OrNull<C extends ColumnDescription, Value> = C['nullable'] extends true ? Value | null : Value

/** A value as it is read. Amounts are exact decimal strings, times RFC 3339 in UTC. */
export type ReadValue<C extends ColumnDescription> = OrNull<
  C,
  C['type'] extends 'count'
    ? Count
    : C['type'] extends 'integer'
      ? number
      : C['type'] extends 'boolean'
        ? boolean
        : C['type'] extends 'json'
          ? JsonValue
          : [ValuesOf<C>] extends [never]
            ? string
            : ValuesOf<C>
>

type ValuesOf<C extends ColumnDescription> =
  C extends ColumnDescription<infer _T, infer _N, infer _D, infer _W, infer V> ? V : never

/** A value as it may be given. */
type GivenValue<C extends ColumnDescription> = OrNull<
  C,
  C['type'] extends 'count' | 'integer'
    ? number
    : C['type'] extends 'boolean'
      ? boolean
      : C['type'] extends 'json'
        ? [ValuesOf<C>] extends [never]
          ? unknown
          : ValuesOf<C>
        : C['type'] extends 'time'
          ? Date | string
          : C['type'] extends 'amount' | 'number'
            ? string | number
            : [ValuesOf<C>] extends [never]
              ? string
              : ValuesOf<C>
>

/** A row cannot be added without a value. */
type IsRequired<C extends ColumnDescription> = C['writers'] extends 'wfstore'
  ? false
  : C['nullable'] extends true
    ? false
    : C['hasDefault'] extends true
      ? false
      : true

type IsOptional<C extends ColumnDescription> = C['writers'] extends 'wfstore'
  ? false
  : IsRequired<C> extends true
    ? false
    : true

// Mapped directly over the columns: only so do editors show the comments of the columns.
type RequiredFields<C extends Columns> = {
  -readonly [Name in keyof C as IsRequired<C[Name]> extends true ? Name : never]: GivenValue<
    C[Name]
  >
}

type OptionalFields<C extends Columns> = {
  -readonly [Name in keyof C as IsOptional<C[Name]> extends true ? Name : never]?:
    | GivenValue<C[Name]>
    | undefined
}

type PatchFields<C extends Columns> = {
  -readonly [Name in keyof C as C[Name]['writers'] extends 'all' ? Name : never]?:
    | GivenValue<C[Name]>
    | undefined
}

/** The fields of a row to be added: those without a default are required. */
export type NewOf<T> = RequiredFields<ColumnsOf<T>> & OptionalFields<ColumnsOf<T>>

/** The fields that an update may change. */
export type PatchOf<T> = PatchFields<ColumnsOf<T>>
