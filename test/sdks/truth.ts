import type { TestDatabase } from '../support/database.ts'
import type { Used } from './answers/answer.ts'
import type { Answered } from './model-server.ts'

export interface Sums extends Used {
  model: string
  calls: number
}

/** What an SDK leaves out. Its tokens stay within input or output, because that is how providers count them. */
export interface Omission {
  /** Classes that it does not report. */
  notSent?: readonly ('cacheRead' | 'cacheWrite' | 'reasoning')[]
  /** Calls without usage. */
  noUsage?: (call: Answered) => boolean
}

/** The sums of the calls that the server has answered, by model, with what the SDK does not report added to its whole. */
export function sumsOf(log: readonly Answered[], { notSent = [], noUsage }: Omission = {}): Sums[] {
  const byModel = new Map<string, Sums>()
  for (const call of log) {
    if (call.used === null || noUsage?.(call)) continue
    const used = { ...call.used }
    for (const name of notSent) {
      used[name === 'reasoning' ? 'output' : 'input'] += used[name]
      used[name] = 0
    }
    const sums = byModel.get(call.model) ?? empty(call.model)
    sums.calls++
    for (const name of Object.keys(used) as (keyof Used)[]) sums[name] += used[name]
    byModel.set(call.model, sums)
  }
  return [...byModel.values()].sort((one, other) => (one.model < other.model ? -1 : 1))
}

const empty = (model: string): Sums => ({
  model,
  calls: 0,
  input: 0,
  cacheRead: 0,
  cacheWrite: 0,
  output: 0,
  reasoning: 0,
})

/** The same sums of the steps in the store. The total of each step is the sum of its classes. */
export async function storedSums(database: TestDatabase): Promise<Sums[]> {
  const rows = await database.sql(
    `select model_id as model, count(*)::int as calls, sum(coalesce(tokens_input, 0))::int as input,
       sum(coalesce(tokens_cache_read, 0))::int as "cacheRead",
       sum(coalesce(tokens_cache_write, 0))::int as "cacheWrite",
       sum(coalesce(tokens_output, 0))::int as output,
       sum(coalesce(tokens_reasoning, 0))::int as reasoning
     from workflow_steps where tokens_used > 0 group by 1 order by model_id collate "C"`,
  )
  return rows as unknown as Sums[]
}
