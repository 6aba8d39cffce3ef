import { addLines, linesOf } from '../../queries/billing/lines.ts'
import { COST_SOURCES } from '../../tables/steps.ts'
import { Invalid, shown } from './invalid.ts'
import { type Staged, sourceOf, stagedField, stageOf } from './staged.ts'

/** The key next to a bill for its lines in wfstore_bill_lines. Amounts and quantities are texts, so each reader has all digits. */
export const BILL_LINES = 'lines'

const METERS = [
  'input',
  'output',
  'cache_read',
  'cache_write',
  'reasoning',
  'tokens',
  'request',
  'given',
]

/** SQL of text that follows a bill: its lines, or NULL if it has none. @param bill the alias of a bill */
export const linesText = (bill: string): string => `',"${BILL_LINES}":[' || (
    select string_agg(row_to_json(x.*)::text, ',' order by k.provider collate "C" nulls first, k.model_id collate "C",
      k.meter collate "C", k.unit_price nulls first, k.cost_source collate "C", k.line_id)
    from wfstore_bill_lines k cross join lateral (select k.provider as "provider", k.model_id as "modelId", k.meter as "meter",
      k.quantity::text as "quantity", k.unit_price::text as "unitPrice", k.cost::text as "cost", k.cost_source as "costSource") as x
    where k.billing_id = ${bill}.billing_id) || ']'`

const isText = (value: unknown) => typeof value === 'string'
const matches = (pattern: RegExp) => (value: unknown) =>
  typeof value === 'string' && pattern.test(value)
const AMOUNT = /^\d{1,131072}(\.\d{1,16383})?$/
const SIGNED_AMOUNT = /^-?\d{1,131072}(\.\d{1,16383})?$/
const orNull = (fits: (value: unknown) => boolean) => (value: unknown) =>
  value === null || fits(value)

const FIELDS: Record<string, (value: unknown) => boolean> = {
  provider: orNull(isText),
  modelId: isText,
  meter: (value) => METERS.includes(value as string),
  quantity: orNull(matches(/^-?\d{1,19}$/)),
  unitPrice: orNull(matches(AMOUNT)),
  cost: matches(SIGNED_AMOUNT),
  costSource: (value) => COST_SOURCES.some((source) => source === value),
}

/** @throws Invalid if these are not lines of a bill */
export function checkBillLines(lines: unknown): void {
  if (!Array.isArray(lines)) throw new Invalid(`${BILL_LINES} is ${shown(lines)}, not a list`)
  for (const line of lines) {
    const values = Object(line) as Record<string, unknown>
    const wrong = Object.keys(FIELDS).find((name) => !FIELDS[name]?.(values[name]))
    if (wrong !== undefined)
      throw new Invalid(`${wrong} of a line of the bill is ${shown(values[wrong])}`)
    const unknown = Object.keys(values).find((name) => !(name in FIELDS))
    if (unknown !== undefined) throw new Invalid(`a line of a bill has no field ${shown(unknown)}`)
  }
}

/** The parts of the lines of a staged bill. */
const partsOf = (staged: string) => `
  select l ->> 'provider' as provider, l ->> 'modelId' as model_id, l ->> 'meter' as meter, (l ->> 'quantity')::bigint as quantity,
         (l ->> 'unitPrice')::numeric as unit_price, (l ->> 'cost')::numeric as cost, l ->> 'costSource' as cost_source
  from jsonb_array_elements(${staged}.refs) as l`

/** Takes out the bills to which their lines do not add up. */
export const removeUnequalBills = (bills: Staged): string => `
  with wrong as (
    delete from ${stageOf(bills.table)} s
    where s.refs is not null and not (
      select coalesce(sum(p.cost), 0) = coalesce(s.${stagedField(bills, 'cost')}, 0)
        and coalesce(sum(p.quantity) filter (where p.meter <> 'request'), 0) = coalesce(s.${stagedField(bills, 'tokensTotal')}, 0)
      from (${partsOf('s')}) as p)
    returning s.line, s.${stagedField(bills, 'billingId')} as id
  ), counted as (select line, id, count(*) over () as all_of_them from wrong)
  select * from counted order by line limit 100`

/** Writes the lines of the bills that have none. A bill whose line of the file has no lines gets those of a bill without steps. */
export const insertLines = (bills: Staged): string => {
  const [id, cost, tokens] = ['billingId', 'cost', 'tokensTotal'].map((name) =>
    stagedField(bills, name),
  )
  return `with fresh as materialized (
      select distinct on (b.billing_id) b.*, s.refs from ${sourceOf(bills)} s join billing_records b on b.billing_id = s.${id}
      where b.cost = coalesce(s.${cost}, 0) and b.tokens_total = coalesce(s.${tokens}, 0)
        and not exists (select from wfstore_bill_lines k where k.billing_id = b.billing_id)
      order by b.billing_id, s.line
    ) ${addLines(`
      select f.execution_id, f.billing_id, p.provider, p.model_id, p.meter, p.quantity, p.unit_price, p.cost, p.cost_source
      from fresh f cross join lateral (${partsOf('f')}) as p
      union all
      select f.execution_id, f.billing_id, null, f.model_id, l.meter, l.quantity, l.unit_price, l.cost, l.cost_source
      from (select *, null::jsonb as none from fresh where refs is null) f,
        ${linesOf('f', { tokens: 'tokens_total', cost: 'cost', lines: 'none' })}`)}`
}

/** The lines of the file whose bill has other lines in the store. */
export const differingLines = (bills: Staged): string => {
  const given = `select provider, model_id, meter, sum(quantity), unit_price, sum(cost), cost_source from (${partsOf('s')}) p
      group by provider, model_id, meter, unit_price, cost_source`
  const here = `select provider, model_id, meter, sum(quantity), unit_price, sum(cost), cost_source from wfstore_bill_lines k
      where k.billing_id = s.${stagedField(bills, 'billingId')} group by provider, model_id, meter, unit_price, cost_source`
  return `select line, s.${stagedField(bills, 'billingId')} as id, count(*) over () as all_of_them from ${sourceOf(bills)} s
    where refs is not null and (exists (${given} except ${here}) or exists (${here} except ${given})) order by line limit 100`
}
