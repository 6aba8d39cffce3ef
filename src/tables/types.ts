import type { JsonText } from '../db/query/decode.ts'
import type { Column, Columns, TableDescription } from './column.ts'

type ColumnsOf<T> = T extends TableDescription<infer C> ? C : never

/** The values of a type as they are read. */
type Read<C extends Column> = C['type'] extends 'count' | 'integer'
  ? number
  : C['type'] extends 'boolean'
    ? boolean
    : C['type'] extends 'json'
      ? JsonText
      : string

/** A row as the store gives it. Amounts are exact decimal strings, times RFC 3339 in UTC. */
export type RowOf<T> = {
  [Name in keyof ColumnsOf<T>]:
    | Read<ColumnsOf<T>[Name]>
    | (ColumnsOf<T>[Name]['nullable'] extends true ? null : never)
}

type ValuesOf<C extends Column> =
  C extends Column<infer _T, infer _N, infer _D, infer _W, infer V> ? V : never

/** The values of a type as they may be given. */
type Given<C extends Column> = C['type'] extends 'count' | 'integer'
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

type OrNull<C extends Column> = C['nullable'] extends true ? Given<C> | null : Given<C>

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
  [Name in keyof Written<ColumnsOf<T>, 'all'>]?: OrNull<ColumnsOf<T>[Name]> | undefined
}

/** The fields of a row to be added: those without a default are required. */
export type NewOf<T> = {
  [Name in keyof Required<Written<ColumnsOf<T>, 'all' | 'create'>>]: OrNull<ColumnsOf<T>[Name]>
} & {
  [Name in Exclude<keyof Written<ColumnsOf<T>, 'all' | 'create'>, keyof Required<ColumnsOf<T>>>]?:
    | OrNull<ColumnsOf<T>[Name]>
    | undefined
}
