import { columnOf, count, optional } from './column.ts'

/** The classes of tokens. They are disjoint and add up to the total; a class that was not reported is null. */
export const tokenColumns = {
  /** Null if not reported, like every class of tokens. */
  tokensInput: optional(count),
  tokensOutput: optional(count),
  /** Tokens read from a cache. */
  tokensCacheRead: optional(count),
  /** Tokens written to a cache. */
  tokensCacheWrite: optional(count),
  tokensReasoning: optional(count),
} as const

export type TokenField = keyof typeof tokenColumns

/** A class as callers name it: cacheRead. */
export type TokenClass = TokenField extends infer F
  ? F extends `tokens${infer Name}`
    ? Uncapitalize<Name>
    : never
  : never

export const TOKEN_FIELDS = Object.keys(tokenColumns) as TokenField[]

export const TOKEN_CLASSES = TOKEN_FIELDS.map(
  (field) => field.charAt(6).toLowerCase() + field.slice(7),
) as TokenClass[]

/** In SQL: tokens_cache_read. */
export const TOKEN_COLUMNS = TOKEN_FIELDS.map(columnOf)

/** A class in words: 'cache read'. */
export const classWords = (field: TokenField): string =>
  columnOf(field).split('_').slice(1).join(' ')
