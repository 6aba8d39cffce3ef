import type { TracedFacts } from '../../../../src/record/otel/store/receive.ts'
import type { Facts } from '../../../../src/record/otel/types.ts'
import { type Access, ownAccess } from '../../../../src/store/access.ts'
import { openPool, type TestDatabase } from '../../../support/database.ts'

/** The trace id of this number. */
export const trace = (number: number): string => number.toString(16).padStart(32, 'a')
/** The span id of this number. */
export const spanId = (number: number): string => number.toString(16).padStart(16, 'b')

/** A time on the day of the tests, in seconds after noon. */
export const at = (seconds: number): string =>
  `${new Date(Date.UTC(2026, 10, 20, 12) + seconds * 1000).toISOString().slice(0, -1)}000Z`

/** A call of a model; `more` replaces fields. */
export const modelSpan = (number: number, more: Partial<Facts> = {}): Facts => ({
  spanId: spanId(number),
  kind: 'model',
  name: 'chat gpt-4o',
  start: at(number),
  end: at(number + 1),
  status: 'success',
  usage: { input: 100, output: 10, cacheRead: null, cacheWrite: null, reasoning: null },
  provider: 'openai',
  requestModel: 'gpt-4o',
  responseModel: 'gpt-4o',
  responseId: `resp_${number}_of_a_model`,
  ...more,
})

export const of = (traceNumber: number, ...facts: Facts[]): TracedFacts[] =>
  facts.map((one) => ({ traceId: trace(traceNumber), facts: one }))

/** What a process has: connections to the database. */
export function openAccess({
  url,
}: Pick<TestDatabase, 'url'>): Access & { close: () => Promise<void> } {
  const pool = openPool({ connectionString: url })
  return { ...ownAccess(pool), close: () => pool.end() }
}

/** The span of an agent without a parent, which ends a run; `more` replaces fields. */
export const rootSpan = (more: Partial<Facts> = {}): Facts => ({
  spanId: spanId(999),
  kind: 'agent',
  name: 'invoke_agent a',
  runName: 'weather',
  start: at(0),
  end: at(100),
  status: 'success',
  ...more,
})

/** A model span below the root. */
export const callSpan = (number: number, more: Partial<Facts> = {}): Facts =>
  modelSpan(number, { parentSpanId: spanId(999), ...more })
