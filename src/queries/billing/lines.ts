import { sameRun } from '../../db/distributed/layout.ts'
import { TOKEN_COLUMNS } from '../../tables/tokens.ts'

/** The columns of a line without its bill and its id. */
const PARTS = 'provider, model_id, meter, quantity, unit_price, cost, cost_source'

/** SQL of the lines of a step or of a call, as `l`: a FROM item. @param s the alias of a row with the columns of a step */
export const linesOf = (
  s: string,
  { tokens = 'tokens_used', cost = 'cost', lines = 'cost_lines' } = {},
): string =>
  `wfstore_lines_of(${[tokens, ...TOKEN_COLUMNS, cost, lines].map((column) => `${s}.${column}`).join(', ')}) as l`

/** FROM: bills `b` with their lines `l`. */
export const BILLED_LINES = `billing_records b join wfstore_bill_lines l on l.billing_id = b.billing_id and ${sameRun('l', 'b')}`

/**
 * SQL that adds lines to bills. A line that the bill already has is added up.
 * @param from a SELECT of execution_id and billing_id, and the parts of lines: provider, model_id, meter, quantity, unit_price, cost, cost_source
 */
export const addLines = (from: string): string => `
  insert into wfstore_bill_lines as k (execution_id, billing_id, line_id, ${PARTS})
  select execution_id, billing_id, wfstore_line_id(billing_id, provider, model_id, meter, unit_price, cost_source), ${PARTS}
  from (
    select execution_id, billing_id, provider, model_id, meter, sum(quantity)::bigint as quantity, unit_price, sum(cost) as cost, cost_source
    from (${from}) as part group by execution_id, billing_id, provider, model_id, meter, unit_price, cost_source
  ) as line
  on conflict on constraint wfstore_bill_lines_pkey do update set quantity = k.quantity + excluded.quantity, cost = k.cost + excluded.cost`
