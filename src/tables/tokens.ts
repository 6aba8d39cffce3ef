import { count, optional } from './column.ts'

/** The classes of tokens are disjoint and add up to the total; a class that was not reported is null. */
export const TOKEN_CLASSES = {
  tokensInput: optional(count),
  tokensOutput: optional(count),
  tokensCacheRead: optional(count),
  tokensCacheWrite: optional(count),
  tokensReasoning: optional(count),
} as const
