import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Billing, BillingSum, FocusRow } from '../../../src/queries/billing/billing.ts'
import { statements } from '../../../src/queries/billing/statements.ts'
import type { Run } from '../../../src/queries/executions/executions.ts'
import type { TestDatabase } from '../../support/database.ts'
import { createMigrated } from '../../support/migrated.ts'
import { fillLines } from './lines-support.ts'
import { openBilling, sum, units } from './support.ts'

let database: TestDatabase
let billing: Billing
let run: Run
let end: () => Promise<void>
const period = '2026-11'
/** The parts of all steps, made without wfstore_lines_of. */
let parts: Record<string, unknown>[]

beforeAll(async () => {
  database = await createMigrated('billing_lines')
  await fillLines(database)
  ;({ billing, run, end } = await openBilling(database))
  parts = await database.sql(
    `select coalesce(s.model_id, e.model_id) as model, s.provider, e.user_id as user, e.tags ->> 'team' as "tag:team", b.paid,
       s.tokens_used::int as tokens, s.tokens_input::int as input, s.tokens_output::int as output, s.cost::text as cost,
       case s.cost_source when 'unpriced' then s.tokens_input::int - 3 else 0 end as unpriced
     from workflow_steps s join workflow_executions e using (execution_id) join billing_records b using (execution_id)`,
  )
})
afterAll(async () => {
  await end()
  await database.drop()
})

const of = (rows: Record<string, unknown>[], name: string) => rows.map((row) => row[name])
const numbers = (values: unknown[]) =>
  values.reduce<number>((total, value) => total + Number(value ?? 0), 0)
/** The sum of what is known, or null. */
const known = (values: unknown[]) =>
  values.every((value) => value === null) ? null : numbers(values)

function expectSums(row: BillingSum, own: Record<string, unknown>[]) {
  expect(row).toMatchObject({
    tokensTotal: numbers(of(own, 'tokens')),
    tokensInput: known(of(own, 'input')),
    tokensOutput: known(of(own, 'output')),
    tokensReasoning: null,
    unpricedTokens: numbers(of(own, 'unpriced')),
  })
  expect(units(row.cost)).toBe(sum(of(own, 'cost')))
  expect(units(row.paidCost)).toBe(
    sum(
      of(
        own.filter(({ paid }) => paid),
        'cost',
      ),
    ),
  )
  expect(units(row.paidCost) + units(row.unpaidCost)).toBe(units(row.cost))
}

describe('by model', () => {
  it('each cost and token counts once, at the model of its step', async () => {
    const { rows } = await billing.summary({ period, by: 'model' })
    expect(rows.map(({ key }) => key)).toEqual(['large', 'own_0', 'own_1', 'small'])
    for (const row of rows)
      expectSums(
        row,
        parts.filter(({ model }) => model === row.key),
      )
  })

  it('a bill counts once, at its own model, also without lines', async () => {
    const { rows, total } = await billing.summary({ period, by: 'model' })
    expect(rows.map(({ records, unpaidRecords }) => [records, unpaidRecords])).toEqual([
      [0, 0],
      [15, 7],
      [15, 15],
      [0, 0],
    ])
    expect([total.records, total.unpaidRecords]).toEqual([30, 22])
  })
})

describe.each(['provider', 'user', 'tag:team', 'model'] as const)('by %s', (by) => {
  it('the rows are sums of the steps, and the total is that of the bills', async () => {
    const { rows, total } = await billing.summary({ period, by })
    for (const row of rows)
      expectSums(
        row,
        parts.filter((part) => part[by] === row.key),
      )
    const whole = await billing.summary({ period, by: 'total' })
    expect(total).toEqual({ ...whole.total, key: null })
    expect(sum(of(rows, 'cost'))).toBe(units(total.cost))
    expectSums(total, parts)
  })

  it('with a user, another key and the filter of a user, the sums are those of the steps', async () => {
    const { rows } = await billing.summary({ period, userId: 'user_1', by: ['day', by] })
    const found = new Set(rows.map((row) => row[by]))
    for (const value of found) {
      const mine = rows.filter((row) => row[by] === value)
      const own = parts.filter((part) => part.user === 'user_1' && part[by] === value)
      expect(sum(of(mine, 'cost'))).toBe(sum(of(own, 'cost')))
      expect(numbers(of(mine, 'tokensTotal'))).toBe(numbers(of(own, 'tokens')))
    }
    const all = parts.filter((part) => part.user === 'user_1')
    expect(sum(of(rows, 'cost'))).toBe(sum(of(all, 'cost')))
  })
})

it('by meter, each class has its tokens and its priced cost, and the number of bills is not known', async () => {
  const { rows, total } = await billing.summary({ period, by: 'meter' })
  const [classes] = await database.sql(
    `select sum(tokens_input)::int as input, sum(tokens_output)::int as output, sum(tokens_used)::int as tokens from workflow_steps`,
  )
  expect(rows.map(({ key, records, tokensTotal }) => [key, records, tokensTotal])).toEqual([
    ['given', null, 0],
    ['input', null, classes?.input],
    ['output', null, classes?.output],
    ['tokens', null, Number(classes?.tokens) - Number(classes?.input) - Number(classes?.output)],
  ])
  expect([total.records, total.unpaidRecords]).toEqual([30, 22])
  expect(sum(of(rows, 'cost'))).toBe(units(total.cost))
})

it('calls without a price are counted in any report of the period', async () => {
  const [wanted] = await database.sql(
    `select count(distinct s.execution_id)::int as bills, count(distinct coalesce(s.model_id, e.model_id))::int as models, sum(tokens_input - 3)::int as tokens
     from workflow_steps s join workflow_executions e using (execution_id) where cost_source = 'unpriced'`,
  )
  for (const by of ['user', 'meter', 'total'] as const)
    expect((await billing.summary({ period, by })).unpriced).toEqual(wanted)
  const none = { bills: 0, models: 0, tokens: 0 }
  expect((await billing.summary({ period: '2026-10' })).unpriced).toEqual(none)
})

it('the statements of the report have the lines of each model', async () => {
  const { users } = await statements(run, { months: [period], timeZone: 'UTC' })
  for (const { userId, lines, ...own } of users) {
    const { rows } = await billing.summary({ period, userId, by: 'model' })
    const byModel = (models: { modelId: unknown }[]) =>
      models.toSorted((a, b) => (String(a.modelId) < String(b.modelId) ? -1 : 1))
    expect(
      byModel(
        lines.map((line) => ({ ...line, billed: units(line.billed), paid: units(line.paid) })),
      ),
    ).toEqual(
      byModel(
        rows.map((row) =>
          expect.objectContaining({
            modelId: row.key,
            bills: row.records,
            unpaidBills: row.unpaidRecords,
            billed: units(row.cost),
            paid: units(row.paidCost),
            billedTokens: row.tokensTotal,
          }),
        ) as never,
      ),
    )
    expect(sum(of(lines as never, 'billed'))).toBe(units(own.billed))
  }
})

describe('the list of lines', () => {
  it('has each line once, page by page, newest bill first, and adds up to the bills', async () => {
    const found = []
    for (let cursor: string | null | undefined; cursor !== null; ) {
      const page = await billing.lines({ billingPeriod: period, limit: 7, cursor })
      found.push(...page.rows)
      cursor = page.nextCursor
    }
    const [count] = await database.sql('select count(*)::int as lines from wfstore_bill_lines')
    expect(new Set(found.map(({ billingId, lineId }) => billingId + lineId)).size).toBe(
      count?.lines,
    )
    expect(found.map(({ timestamp }) => timestamp)).toEqual(
      found.map(({ timestamp }) => timestamp).toSorted((a, b) => (a < b ? 1 : a > b ? -1 : 0)),
    )
    expect(sum(of(found, 'cost'))).toBe(sum(of(parts, 'cost')))
  })

  it.each([
    [{ costSource: 'unpriced', provider: 'openai' }, 15],
    [{ meter: ['input', 'output'], modelId: 'large', costSource: 'priced' }, 14],
    [{ userId: 'none' }, 0],
  ] as const)('filters by %j', async (filter, count) => {
    const { rows } = await billing.lines({ ...filter, limit: 1000 })
    expect(rows).toHaveLength(count)
  })

  it('refuses an unknown filter', async () => {
    await expect(billing.lines({ model: 'x' } as object)).rejects.toMatchObject({ code: 'usage' })
  })
})

describe('FOCUS', () => {
  const rowsOf = async (scope: object = {}) => {
    const rows: FocusRow[] = []
    for await (const row of billing.focus({ period, ...scope })) rows.push(row)
    return rows
  }

  it('the sum of BilledCost is that of the bills, and the tokens are those of the bills', async () => {
    const rows = await rowsOf()
    expect(sum(of(rows as never, 'BilledCost'))).toBe(sum(of(parts, 'cost')))
    const tokens = rows.filter(({ ConsumedUnit }) => ConsumedUnit === 'Tokens')
    expect(numbers(of(tokens as never, 'ConsumedQuantity'))).toBe(numbers(of(parts, 'tokens')))
  })

  it('a price times its quantity is the cost of the row, exactly', async () => {
    const priced = (await rowsOf()).filter(({ ListUnitPrice }) => ListUnitPrice !== null)
    expect(priced.length).toBeGreaterThan(20)
    for (const row of priced) {
      const product = units(row.ListUnitPrice) * units(row.PricingQuantity)
      expect(product).toBe(units(row.ListCost) * 10n ** 12n)
      expect(row).toMatchObject({
        PricingUnit: '1000000 Tokens',
        ConsumedUnit: 'Tokens',
        ContractedUnitPrice: row.ListUnitPrice,
        SkuPriceId: row.SkuId,
      })
    }
  })

  it('a given cost is on the row of its only class of tokens, otherwise on the row Runs', async () => {
    const rows = await rowsOf({ userId: 'user_1' })
    const given = rows.filter((row) => JSON.parse(row.Tags)['wfstore/costSource'] === 'given')
    const part = ({ Tags, SkuId }: FocusRow) =>
      `${JSON.parse(Tags)['wfstore/bill']} ${SkuId.replace(/\/[^/]*$/, '')}`
    for (const name of new Set(given.map(part))) {
      const mine = given.filter((row) => part(row) === name)
      const costs = mine.filter(({ BilledCost }) => units(BilledCost) !== 0n)
      const tokens = mine.filter(({ SkuMeter }) => SkuMeter !== 'Runs')
      expect(costs.map(({ SkuMeter }) => SkuMeter)).toEqual([
        tokens.length === 1 ? tokens[0]?.SkuMeter : 'Runs',
      ])
    }
  })

  it('names the provider of the line, unless one is given, and the tags of the run without a prefix', async () => {
    const rows = await rowsOf()
    const providers = new Set(rows.map((row) => `${row.ProviderName} ${row.InvoiceIssuerName}`))
    expect([...providers].sort()).toEqual([
      'anthropic wfstore',
      'openai wfstore',
      'wfstore wfstore',
    ])
    const named = await rowsOf({ provider: 'Acme' })
    expect(new Set(named.map(({ ProviderName }) => ProviderName))).toEqual(new Set(['Acme']))
    const teams = new Set(rows.map(({ Tags }) => JSON.parse(Tags).team))
    expect(teams).toEqual(new Set([undefined, 'sales', 'total']))
  })

  it('a bill without a cost and without tokens has one row', async () => {
    const empty = (await rowsOf()).filter(({ Tags }) => Tags.includes('-000000000000"'))
    expect(empty.map((row) => [row.SkuMeter, row.BilledCost])).toEqual([['Runs', '0']])
  })
})

it('calls that a correction of a later month has priced are no longer without a price, in both months', async () => {
  const [line] = await database.sql(
    `select l.billing_id, l.execution_id, l.model_id, l.meter, l.provider, l.quantity from wfstore_bill_lines l where cost_source = 'unpriced' limit 1`,
  )
  const before = (await billing.summary({ period })).unpriced
  await database.sql(`begin; set local wfstore.keeps_totals = 'on';
    insert into billing_records (billing_id, execution_id, user_id, model_id, billing_period, cost, corrects)
      values ('00000000-0000-4000-8000-00000000c0de', '${line?.execution_id}', 'u', '${line?.model_id}', '2026-12', 0.1, '${line?.billing_id}');
    insert into wfstore_bill_lines (billing_id, line_id, execution_id, provider, model_id, meter, quantity, unit_price, cost, cost_source)
      select '00000000-0000-4000-8000-00000000c0de', gen_random_uuid(), execution_id, provider, model_id, meter, -quantity, null, 0, 'unpriced'
      from wfstore_bill_lines where billing_id = '${line?.billing_id}' and cost_source = 'unpriced';
    insert into wfstore_bill_lines (billing_id, line_id, execution_id, provider, model_id, meter, quantity, unit_price, cost, cost_source)
      select '00000000-0000-4000-8000-00000000c0de', gen_random_uuid(), execution_id, provider, model_id, meter, -quantity, 1, 0.1, 'priced'
      from wfstore_bill_lines where billing_id = '00000000-0000-4000-8000-00000000c0de';
    commit`)
  expect((await billing.summary({ period })).unpriced.bills).toBe(before.bills - 1)
  expect(await billing.summary({ period: '2026-12' })).toMatchObject({
    unpriced: { bills: 0, models: 0, tokens: 0 },
    total: { unpricedTokens: 0, cost: '0.1' },
  })
})
