import type pg from 'pg'
import type { Queryable } from '../../db/query/connection.ts'
import * as d from '../../db/query/decode.ts'
import { query, type Run } from '../../db/query/query.ts'
import { raw, sql } from '../../db/query/sql.ts'
import { rollback, run } from '../../db/query/transaction.ts'
import { WfstoreError } from '../../error.ts'
import type { PriceRow, StoredPrice } from './book.ts'
import type { PriceSource } from './given.ts'
import { METERS, meterName, type PriceMeter } from './meters.ts'

/** One connection for the statements of a transaction. */
export type OnSession = <T>(work: (client: Queryable) => Promise<T>) => Promise<T>

/**
 * Runs `work` in a transaction, one at a time: it sees the prices of those before it, and its time is later.
 * @param work gets the time at which it adds prices
 */
export const inTurn = <T>(
  onSession: OnSession,
  work: (run: Run, now: string) => Promise<T>,
): Promise<T> =>
  onSession(async (session) => {
    const client = session as pg.Client
    await run(
      client,
      'begin isolation level read committed read write; set local row_security = off',
    )
    try {
      const statement: Run = (text, shape) => query(client, text, shape)
      await statement(TURN, {})
      const [clock] = await statement('select clock_timestamp() as now', { now: d.time() })
      const result = await work(statement, clock?.now as string)
      await run(client, 'commit')
      return result
    } catch (error) {
      await rollback(client)
      if (!(error instanceof WfstoreError) || error.code !== 'permission_denied') throw error
      throw new WfstoreError('permission_denied', 'only the owner of the tables can add prices', {
        hint: 'connect as the owner',
        cause: error,
      })
    }
  })

/** A lock of the table itself would require rights to change prices. */
const TURN = `select pg_advisory_xact_lock(hashtextextended('wfstore prices ' || n.nspname, 0))::text
  from pg_class t join pg_namespace n on n.oid = t.relnamespace where t.oid = 'wfstore_prices'::regclass`

const storedShape = {
  provider: d.nullable(d.text()),
  model: d.text(),
  meter: d.text(),
  price: d.amount('trim_scale(p.price)'),
  contextOver: d.count(),
  from: d.time('p.valid_from'),
  createdAt: d.time(),
}

const METER_BY_NAME = new Map(METERS.map((meter) => [meterName(meter), meter]))

/** The prices of a source. @param models only of these models, in lower case (default: all) */
export async function storedPrices(
  statement: Run,
  source: PriceSource,
  models?: readonly string[],
): Promise<StoredPrice[]> {
  const ofModels = models === undefined ? raw('true') : sql`lower(p.model) = any(${models}::text[])`
  const rows = await statement(
    sql`select ${raw(d.selectList(storedShape, 'p'))} from wfstore_prices p where p.source = ${source} and ${ofModels}`,
    storedShape,
  )
  return rows.map((row) => ({ ...row, meter: METER_BY_NAME.get(row.meter) as PriceMeter }))
}

/** Adds prices of a source at a time. */
export async function addPrices(
  statement: Run,
  prices: readonly (PriceRow & { author?: string | null })[],
  { source, now }: { source: PriceSource; now: string },
): Promise<void> {
  if (prices.length === 0) return
  const rows = prices.map(({ provider, model, meter, price, contextOver, from, author }) => ({
    ...{ provider, model, meter: meterName(meter), price },
    ...{ context_over: contextOver, valid_from: from, author: author ?? null },
  }))
  await statement(
    sql`insert into wfstore_prices (provider, model, meter, price, context_over, valid_from, source, author, created_at)
      select r.provider, r.model, r.meter, r.price, r.context_over, r.valid_from, ${source}, coalesce(r.author, session_user), ${now}::timestamptz
      from jsonb_to_recordset(${JSON.stringify(rows)}::jsonb)
        as r (provider text, model text, meter text, price numeric, context_over bigint, valid_from timestamptz, author text)`,
    {},
  )
}
