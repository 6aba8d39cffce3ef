import { databaseError } from '../../db/query/errors.ts'
import { plural } from '../../numbers.ts'

const MINUTE_MS = 60_000
/** An error may name an id, so that each is another reason. */
const MOST_REASONS = 100

/** What a line is about. */
const WORDS = {
  span: (count: number) => `${plural(count, 'span')} refused`,
  request: (count: number) => `${plural(count, 'request')} refused`,
  answer: (count: number) => `${plural(count, 'request')} failed`,
  run: () => 'runs are not written',
}
type What = keyof typeof WORDS

export interface Refusals {
  /** Reports what was refused or failed: at most one line a minute for each reason. */
  add: (what: What, reason: string, count?: number) => void
  /** Reports what has no line yet. */
  end: () => void
}

/** @param now milliseconds of a clock */
export function reportRefusals(note: (line: string) => void, now: () => number): Refusals {
  const seen = new Map<string, { what: What; reason: string; since: number; count: number }>()
  const line = (what: What, reason: string, count: number) =>
    note(`${WORDS[what](count)}: ${reason}`)
  return {
    add: (what, given, count = 1) => {
      const isNamed = seen.has(`${what} ${given}`) || seen.size < MOST_REASONS
      const reason = isNamed ? given : 'other reasons'
      const key = `${what} ${reason}`
      const last = seen.get(key)
      const total = (last?.count ?? 0) + count
      const isDue = !last || now() - last.since >= MINUTE_MS
      if (isDue) line(what, reason, total)
      seen.set(key, { what, reason, since: isDue ? now() : last.since, count: isDue ? 0 : total })
    },
    end: () => {
      for (const { what, reason, count } of seen.values()) if (count > 0) line(what, reason, count)
      seen.clear()
    },
  }
}

/** What a receiver of traces calls. */
export const reportsOf = ({ add }: Refusals) => ({
  onRefused: (reason: string, spans?: number) => add(spans ? 'span' : 'request', reason, spans),
  onError: (error: unknown) => add('request', databaseError(error).message),
  onDelayed: (error: unknown) => add('run', databaseError(error).message),
})
