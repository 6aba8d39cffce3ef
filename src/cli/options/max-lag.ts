import { InvalidArgumentError } from 'commander'
import type { Environment } from '../../db/connect/libpq.ts'
import { WfstoreError } from '../../error.ts'
import { parseQuiet } from './quiet.ts'
import type { Duration } from './span.ts'

export const DEFAULT_MAX_LAG = '30s'

/** Parses how far a replica may be behind: a duration, 0s, or any. */
export function parseMaxLag(text: string): Duration {
  if (text === 'any') return { text, ms: Number.POSITIVE_INFINITY }
  try {
    return parseQuiet(text)
  } catch {
    throw new InvalidArgumentError('It must be a duration such as 30s or 5m, or any')
  }
}

/** WFSTORE_MAX_LAG. @throws WfstoreError usage */
export function maxLagOf({ WFSTORE_MAX_LAG: text }: Environment): Duration | undefined {
  if (!text) return undefined
  try {
    return parseMaxLag(text)
  } catch {
    throw new WfstoreError('usage', 'WFSTORE_MAX_LAG is not a duration', {
      hint: 'set it to a duration such as 30s or 5m, or to any',
    })
  }
}
