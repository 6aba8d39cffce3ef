import type { Tokens } from '../../queries/table/validate.ts'
import { TOKEN_CLASSES } from '../../tables/tokens.ts'
import { classesOf } from './classes.ts'
import { isObject } from './fields.ts'
import { ANTHROPIC } from './shapes.ts'

/**
 * The usage of a message from the usage objects of its stream, those of `message_start` and `message_delta`. Their counts are
 * cumulative: the last count of a field is the count of the message.
 */
export function mergeStream(parts: readonly unknown[]): object {
  const merged: Record<string, unknown> = {}
  for (const part of parts)
    for (const [name, value] of Object.entries(part ?? {}))
      if (value !== null && value !== undefined) merged[name] = value
  return merged
}

/** The tokens of a message, and those of the compactions of its context, which the counts of the message leave out. */
export function messageTokens(usage: object): Tokens {
  const tokens = classesOf(ANTHROPIC, usage)
  const { iterations } = usage as { iterations?: unknown }
  const list: unknown[] = Array.isArray(iterations) ? iterations : []
  for (const iteration of list) {
    if (!isObject(iteration) || iteration.type !== 'compaction') continue
    const more = classesOf(ANTHROPIC, iteration)
    for (const name of TOKEN_CLASSES)
      if (more[name] !== undefined) tokens[name] = (tokens[name] ?? 0) + more[name]
  }
  return tokens
}
