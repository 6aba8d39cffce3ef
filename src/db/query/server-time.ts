import * as d from './decode.ts'
import type { Run } from './query.ts'

const SHAPE = { at: d.number('extract(epoch from clock_timestamp()) operator(pg_catalog.*) 1000') }

/**
 * The time by the clock of the server. Stored times are from it, and the clock of this machine may be wrong. Commands ask for it
 * before they check the schema, so its operator is qualified.
 */
export async function serverTime(run: Run): Promise<Date> {
  const [row] = await run(`select ${d.selectList(SHAPE, '')}`, SHAPE)
  return new Date(row?.at ?? Number.NaN)
}
