import type { ExecutionRecorder } from '../../../src/record/recorder/types.ts'
import { createRecording } from '../recording.ts'

/** Rules as an import writes them: gpt-4o and its dated names at openai, claude-sonnet-4-6 at anthropic, azure sells those of openai. */
const RULES = `
    insert into wfstore_model_rules (subject, provider, target_provider, model, position, kind, pattern) values
      ('provider', 'openai', null, null, 1, 'equals', 'openai'),
      ('provider', 'azure', null, null, 2, 'equals', 'azure'),
      ('provider', 'anthropic', null, null, 3, 'contains', 'anthropic'),
      ('provider_of_model', 'openai', null, null, 1, 'starts_with', 'gpt-'),
      ('provider_of_model', 'anthropic', null, null, 2, 'contains', 'claude'),
      ('model', 'openai', null, 'gpt-4o-mini', 1, 'starts_with', 'gpt-4o-mini'),
      ('model', 'openai', null, 'gpt-4o', 2, 'regex', '^gpt-4o(-\\d{4}-\\d{2}-\\d{2})?$'),
      ('model', 'anthropic', null, 'claude-sonnet-4-6', 1, 'contains', 'claude-sonnet-4-6'),
      ('model', 'azure', 'openai', 'gpt-4o', 1, 'equals', 'gpt-4o')`

/** The order of meters in the lines. */
const METERS = `array['input', 'output', 'cache_read', 'cache_write', 'reasoning', 'tokens', 'request', 'given']`

/** A recording of its own with a price book. */
export async function createPriced(label: string) {
  const recording = await createRecording(label)
  const { database } = recording
  await database.sql(RULES)
  return {
    ...recording,
    /** Statements that were sent: each is one round trip. */
    sent: () => recording.sent,
    /** Adds own prices, each newer than the one before: 'gpt-4o input=1 output=2'. `more` has further columns. */
    price: async (text: string, more: Record<string, string | number> = {}) => {
      const [model, ...rates] = text.split(' ')
      for (const rate of rates) {
        const [meter, price] = rate.split('=')
        const row = { model, meter, price, valid_from: '2020-01-01Z', source: 'own', ...more }
        const names = Object.keys(row)
        await database.sql(
          `insert into wfstore_prices (${names.join(', ')}) values (${names.map((_, place) => `$${place + 1}`).join(', ')})`,
          Object.values(row),
        )
      }
    },
    clearPrices: () =>
      database.sql(
        'alter table wfstore_prices disable trigger wfstore_keep_prices; truncate wfstore_prices; alter table wfstore_prices enable trigger wfstore_keep_prices',
      ),
    /** The sums of a run, of its steps, its bills and their lines. */
    sumsOf: async ({ executionId }: Pick<ExecutionRecorder, 'executionId'>) =>
      (
        await database.sql(
          `select trim_scale(e.total_cost)::text as run,
             (select trim_scale(sum(cost))::text from workflow_steps s where s.execution_id = e.execution_id) as steps,
             (select trim_scale(sum(cost))::text from billing_records b where b.execution_id = e.execution_id) as bills,
             (select trim_scale(sum(l.cost))::text from billing_records b join wfstore_bill_lines l using (execution_id, billing_id)
              where b.execution_id = e.execution_id) as lines
           from workflow_executions e where execution_id = $1`,
          [executionId],
        )
      )[0] as Record<'run' | 'steps' | 'bills' | 'lines', string>,
    /** The lines of all bills of a run: 'model meter quantity x price = cost source'. */
    linesOf: async ({ executionId }: Pick<ExecutionRecorder, 'executionId'>) =>
      (
        await database.sql(
          `select concat_ws(' ', l.provider, l.model_id, l.meter, l.quantity, 'x ' || l.unit_price, '= ' || trim_scale(l.cost), l.cost_source) as line
           from billing_records b join wfstore_bill_lines l using (execution_id, billing_id) where b.execution_id = $1
           order by b.corrects is not null, l.model_id, l.cost_source, array_position(${METERS}, l.meter), l.quantity`,
          [executionId],
        )
      ).map(({ line }) => line),
    stepsOf: ({ executionId }: Pick<ExecutionRecorder, 'executionId'>) =>
      database.sql(
        `select cost::text, cost_source as source, cost_lines as lines from workflow_steps where execution_id = $1 order by step_number`,
        [executionId],
      ),
  }
}
