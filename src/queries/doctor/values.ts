import type pg from 'pg'
import { fixText, onEachShard, sumOf } from '../../db/distributed/each-shard.ts'
import * as d from '../../db/query/decode.ts'
import { query, runOn } from '../../db/query/query.ts'
import { literal } from '../../db/query/sql.ts'
import { run } from '../../db/query/transaction.ts'
import type { FixPlace } from '../../db/values/faults.ts'
import { type FaultyRows, faultText, type Rule, SHOWN_ROWS } from '../../db/values/find.ts'
import { fixesOf } from '../../db/values/fix.ts'
import { adoptOrphans } from '../../db/values/orphans.ts'
import { inspectRows } from '../../db/verify/values.ts'
import { plural } from '../../numbers.ts'
import { getZone } from '../billing/periods.ts'
import { type DoctorFinding, finding } from './finding.ts'
import type { Subject } from './subject.ts'
import { someOf } from './words.ts'

/** Finds rows with values that the checks of the tables refuse, and values that are probably wrong. */
export async function inspectValues(client: pg.Client, subject: Subject): Promise<DoctorFinding> {
  const { full, quotedSchema } = subject
  // All rows of a large store take longer than the limit of a check.
  if (full) await run(client, 'set local statement_timeout = 0')
  const reports = await onEachShard(client, subject, (shard) => inspectRows(runOn(shard), { full }))
  const read = sumOf(reports, 'read')
  const found = joined(reports.flatMap((report) => report.found))
  const [orphans] = joined(reports.flatMap((report) => report.orphans ?? []))
  const harmful = [...found.filter(({ fault }) => fault.harmful), ...(orphans ? [orphans] : [])]
  const all = [...harmful, ...found.filter(({ fault }) => !fault.harmful)]
  const faults = all.map(({ fault: { table, key, what }, rows, ids }) => ({
    table,
    what,
    rows,
    key,
    ids,
  }))
  const details = { full, read, faults }
  const of = `${plural(read, 'row')}${full ? '' : ' of all ages'}`
  if (all.length === 0)
    return finding('values', 'ok', read === 0 ? 'there are no rows' : `no wrong value in ${of}`, {
      details,
    })
  const prefix = `${quotedSchema}.`
  const place = placeOf(prefix, await getZone(runOn(client)), await hasClosed(client))
  const fixes = [
    ...fixesOf(
      found.filter(({ fault }) => fault.harmful),
      place,
    ),
    ...(orphans ? [adoptOrphans(prefix)] : []),
    ...fixesOf(
      found.filter(({ fault }) => !fault.harmful),
      place,
    ),
  ]
  return finding(
    'values',
    harmful.length > 0 ? 'failed' : 'warning',
    `${someOf(all.map(faultText), all.length)}; read ${of}${full ? '' : ', with --full all'}`,
    { fix: await fixText(client, subject, fixes), details },
  )
}

/** One entry for each fault, with the rows of all shards. */
function joined<Found extends Rule>(found: FaultyRows<Found>[]): FaultyRows<Found>[] {
  const all = new Map<string, FaultyRows<Found>>()
  for (const one of found) {
    const key = `${one.fault.table} ${one.fault.what}`
    const { rows = 0, ids = [] } = all.get(key) ?? {}
    all.set(key, { ...one, rows: rows + one.rows, ids: [...ids, ...one.ids].slice(0, SHOWN_ROWS) })
  }
  return [...all.values()]
}

async function hasClosed(client: pg.Client): Promise<boolean> {
  const [found] = await query(
    client,
    'select exists (select from wfstore_periods where closed_at is not null) as closed',
    { closed: d.boolean() },
  )
  return found?.closed === true
}

/** A bill whose month is closed goes into the current month, as a new bill does. */
function placeOf(prefix: string, zone: string, someClosed: boolean): FixPlace {
  const month = (time: string) => `to_char(${time} at time zone ${literal(zone)}, 'YYYY-MM')`
  const ofBill = (time: string) => month(/^\w+$/.test(time) ? time : `(${time})`)
  const ifClosed = (time: string, value: string) =>
    `(select ${value} from ${prefix}wfstore_periods p where p.billing_period = ${ofBill(time)} and p.closed_at is not null)`
  return {
    prefix,
    now: 'now()',
    month: (time) =>
      someClosed
        ? {
            billing_period: `coalesce(${ifClosed(time, month('now()'))}, ${ofBill(time)})`,
            original_period: `coalesce(original_period, ${ifClosed(time, 'p.billing_period')})`,
          }
        : { billing_period: ofBill(time) },
  }
}
