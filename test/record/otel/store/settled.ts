import { DEFAULT_MAPPING } from '../../../../src/record/otel/mapping.ts'
import { receive } from '../../../../src/record/otel/store/receive.ts'
import { reconcileDue, settleTraces } from '../../../../src/record/otel/store/reconcile.ts'
import type { Span } from '../../../../src/record/otel/types.ts'
import type { Access } from '../../../../src/store/access.ts'
import type { TestDatabase } from '../../../support/database.ts'
import type { Tokens } from '../captures.ts'

/** Nothing more is expected: a run ends at once, with or without a root. */
export const AT_ONCE = { ...DEFAULT_MAPPING, quietMs: 0, abandonMs: 0 }
/** Spans are still expected. */
export const LATER = { ...DEFAULT_MAPPING, quietMs: 3_600_000, abandonMs: 7_200_000 }

export const take = ({ inTransaction }: Access, spans: readonly Span[]) =>
  receive(inTransaction, spans, DEFAULT_MAPPING)
export const view = ({ inTransaction }: Access) => reconcileDue(inTransaction, LATER)
export const settle = ({ inTransaction }: Access) => settleTraces(inTransaction, AT_ONCE)

const MODELS = [
  ...[
    'gpt-4o',
    'gpt-4o-mini',
    'gpt-4o-mini-2024-07-18',
    'gpt-5',
    'gpt-5-2025-08-07',
    'openai/gpt-5',
  ],
  ...[
    'claude-opus-4-5',
    'claude-opus-4-5-20251101',
    'claude-sonnet-4-5',
    'claude-sonnet-4-5-20250929',
  ],
  'text-embedding-3-small',
]
const CLASSES = ['input', 'output', 'cache_read', 'cache_write', 'reasoning'] as const

/** US dollars for a million tokens, a whole number that differs for each model and class. */
const priceOf = (model: string, meter: (typeof CLASSES)[number]): number =>
  10 * (MODELS.indexOf(model) + 1) + CLASSES.indexOf(meter)

/** Prices of the models in the tests. */
export const addPrices = ({ sql }: Pick<TestDatabase, 'sql'>) =>
  sql(
    `insert into wfstore_prices (model, meter, price, valid_from, source)
     select model, meter, price, '2020-01-01Z', 'own' from jsonb_to_recordset($1) as g (model text, meter text, price numeric)`,
    [
      JSON.stringify(
        MODELS.flatMap((model) =>
          CLASSES.map((meter) => ({ model, meter, price: priceOf(model, meter) })),
        ),
      ),
    ],
  )

/** What these tokens of a model cost, in millionths of a dollar. */
export const costOf = (
  model: string,
  { input, output, cacheRead, cacheWrite, reasoning }: Tokens,
): number =>
  [input, output, cacheRead, cacheWrite, reasoning].reduce<number>(
    (sum, tokens, place) => sum + (tokens ?? 0) * priceOf(model, CLASSES[place] ?? 'input'),
    0,
  )

/** Everything that is counted, without ids that are random and times of the writing. */
export async function counted({ sql }: Pick<TestDatabase, 'sql'>) {
  const without = (row: string) =>
    `(to_jsonb(${row}) - '{created_at, updated_at, timestamp}'::text[])`
  const rows = async (query: string) => (await sql(query)).map(({ row }) => row)
  return {
    executions: await rows(
      `select ${without('e')} as row from workflow_executions e order by execution_id`,
    ),
    steps: await rows(
      `select ${without('s')} as row from workflow_steps s order by execution_id, step_id`,
    ),
    bills: await rows(`select ${without('b')} as row from billing_records b order by billing_id`),
    lines: await rows(
      `select ${without('l')} as row from wfstore_bill_lines l order by billing_id, line_id`,
    ),
    entries: await rows(`select ${without('a')} as row from audit_logs a order by log_id`),
  }
}

/** Sums of tokens and cost (in millionths of a dollar) by steps, runs, bills and their lines. */
export async function totals({ sql }: Pick<TestDatabase, 'sql'>) {
  const [row] = await sql(`
    select (select coalesce(sum(tokens_used), 0)::float8 from workflow_steps) as steps,
           (select coalesce(sum(total_tokens), 0)::float8 from workflow_executions) as executions,
           (select coalesce(sum(tokens_total), 0)::float8 from billing_records) as bills,
           (select coalesce(sum(quantity) filter (where meter <> 'request'), 0)::float8 from wfstore_bill_lines) as lines,
           (select coalesce(trim_scale(sum(cost) * 1000000), 0)::text from workflow_steps) as step_cost,
           (select coalesce(trim_scale(sum(total_cost) * 1000000), 0)::text from workflow_executions) as cost,
           (select coalesce(trim_scale(sum(cost) * 1000000), 0)::text from billing_records) as bill_cost,
           (select coalesce(trim_scale(sum(cost) * 1000000), 0)::text from wfstore_bill_lines) as line_cost`)
  return row
}
