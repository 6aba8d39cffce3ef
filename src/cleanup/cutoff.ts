import type pg from 'pg'
import * as d from '../db/query/decode.ts'
import { query } from '../db/query/query.ts'
import { raw, sql } from '../db/query/sql.ts'
import { WfstoreError } from '../error.ts'
import { checkNames, type Names } from '../options.ts'
import { timeOf } from '../queries/table/validate.ts'
import type { CleanupOptions } from './types.ts'

/** A hundred years. A larger value is probably a mistake. */
export const MOST_DAYS = 36_500

const OPTIONS: Names<CleanupOptions> = {
  days: true,
  before: true,
  keepLast: true,
  allowAll: true,
  archive: true,
  batchSize: true,
  pauseMs: true,
  maxDurationMs: true,
  progress: true,
  signal: true,
  notice: true,
  warning: true,
}

/** Checks the options before the database is used. @throws WfstoreError usage */
export function checkOptions(options: CleanupOptions): void {
  checkNames('cleanup', options, OPTIONS)
  const { days, before } = options
  if ((days === undefined) === (before === undefined)) {
    throw new WfstoreError('usage', 'either days or before is required, but not both')
  }
  whole('days', days, 1, MOST_DAYS)
  whole('keepLast', options.keepLast, 1)
  whole('batchSize', options.batchSize, 1, 1_000_000)
  atLeast0('pauseMs', options.pauseMs)
  atLeast0('maxDurationMs', options.maxDurationMs)
  if (before !== undefined) timeOf('before', before)
}

function whole(name: string, value: number | undefined, from: number, to = 2 ** 31 - 1): void {
  if (value === undefined || (Number.isInteger(value) && value >= from && value <= to)) return
  throw new WfstoreError('usage', `${name} is ${value}, not a whole number from ${from} to ${to}`)
}

function atLeast0(name: string, value: number | undefined): void {
  if (value === undefined || (Number.isFinite(value) && value >= 0)) return
  throw new WfstoreError('usage', `${name} is ${value}, not a number of milliseconds`)
}

/**
 * The time before which rows are old, RFC 3339 in UTC. It uses the clock of the server: a wrong local clock must not delete
 * new rows.
 * @throws WfstoreError usage if it is in the future
 */
export async function cutoffOf(client: pg.ClientBase, options: CleanupOptions): Promise<string> {
  const days = options.days ?? null
  const before = options.before === undefined ? null : timeOf('before', options.before)
  const [row] = await query(
    client,
    sql`select ${raw(d.selectList(cutoffShape, 'c'))}
     from (select coalesce(${before}::timestamptz, now() - ${days}::integer * interval '24 hours') as at) as c`,
    cutoffShape,
  )
  const { at, future } = row as d.RowOf<typeof cutoffShape>
  if (!future) return at
  throw new WfstoreError('usage', `the cutoff ${at} is in the future`, {
    hint: 'nothing was removed; use a time in the past, by the clock of the server',
  })
}

const cutoffShape = { at: d.time(), future: d.boolean('c.at > now()') }
