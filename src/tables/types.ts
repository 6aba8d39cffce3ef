import type { ColumnDescription, Columns, TableDescription } from './column.ts'

/** Text exactly as PostgreSQL prints a jsonb value: its numbers may have more digits than a double. */
export type JsonText = string & { readonly json: unique symbol }

export type ColumnsOf<T> = T extends TableDescription<infer C> ? C : never

type OrNull<C extends ColumnDescription, Value> = C['nullable'] extends true ? Value | null : Value

/** A value as it is read. Amounts are exact decimal strings, times RFC 3339 in UTC. */
export type ReadValue<C extends ColumnDescription> = OrNull<
  C,
  C['type'] extends 'count' | 'integer'
    ? number
    : C['type'] extends 'boolean'
      ? boolean
      : C['type'] extends 'json'
        ? JsonText
        : string
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
        ? unknown
        : C['type'] extends 'time'
          ? Date | string
          : C['type'] extends 'amount' | 'number'
            ? string | number
            : [ValuesOf<C>] extends [never]
              ? string
              : ValuesOf<C>
>

type Written<C extends Columns, By extends string> = {
  [Name in keyof C as C[Name]['writers'] extends By ? Name : never]: C[Name]
}

type Required<C extends Columns> = {
  [Name in keyof C as C[Name]['nullable'] extends true
    ? never
    : C[Name]['hasDefault'] extends true
      ? never
      : Name]: C[Name]
}

/** The fields that an update may change. */
export type PatchOf<T> = {
  [Name in keyof Written<ColumnsOf<T>, 'all'>]?: GivenValue<ColumnsOf<T>[Name]> | undefined
}

/** The fields of a row to be added: those without a default are required. */
export type NewOf<T> = {
  [Name in keyof Required<Written<ColumnsOf<T>, 'all' | 'create'>>]: GivenValue<ColumnsOf<T>[Name]>
} & {
  [Name in Exclude<keyof Written<ColumnsOf<T>, 'all' | 'create'>, keyof Required<ColumnsOf<T>>>]?:
    | GivenValue<ColumnsOf<T>[Name]>
    | undefined
}
