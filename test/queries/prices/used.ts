import { createPriced } from '../../record/prices/priced.ts'

/** A step that another client wrote. Its tokens are by the names of the columns: { input: 10, cache_read: 5 }. */
export interface UsedStep {
  /** Of the run (default: gpt-4o). */
  runModel?: string
  model?: string
  provider?: string
  tokens?: Record<string, number>
  /** Default: the sum of the classes. */
  total?: number
  cost?: number
  /** null: another client than wfstore. */
  source?: 'given' | 'priced' | 'unpriced' | null
  lines?: object[]
  /** Age in days. */
  days?: number
  status?: string
}

/** A store with the prices of priced.ts, to which steps are added as they would be after some days. */
export async function createUsed(label: string) {
  const priced = await createPriced(label)
  const { database } = priced
  return {
    ...priced,
    used: async (step: UsedStep = {}) => {
      const { runModel = 'gpt-4o', tokens = {}, days = 1, source = 'given', lines, ...more } = step
      const values: Record<string, unknown> = {
        model_id: more.model ?? null,
        provider: more.provider ?? null,
        tokens_used: more.total ?? Object.values(tokens).reduce((all, count) => all + count, 0),
        cost: more.cost ?? 0,
        cost_source: source,
        cost_lines: lines === undefined ? null : JSON.stringify(lines),
        status: more.status ?? 'success',
        ...Object.fromEntries(
          Object.entries(tokens).map(([name, count]) => [`tokens_${name}`, count]),
        ),
      }
      const names = Object.keys(values)
      await database.sql(
        `with run as (
           insert into workflow_executions (execution_id, user_id, workflow_name, mode, model_id, status, start_time, end_time)
           select gen_random_uuid(), 'u', 'w', 'm', $1, 'success', t, t + interval '1 minute' from (select now() - $2 * interval '1 day' as t) as at
           returning execution_id, start_time
         )
         insert into workflow_steps (execution_id, step_number, step_name, start_time, end_time, ${names.join(', ')})
         select execution_id, 1, 's', start_time, start_time + interval '30 seconds', ${names.map((_, place) => `$${place + 3}`).join(', ')} from run`,
        [runModel, days, ...Object.values(values)],
      )
    },
    clearSteps: () =>
      database.sql('truncate workflow_executions cascade; truncate billing_records'),
  }
}
