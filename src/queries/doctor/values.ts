import type pg from 'pg'
import { runOn } from '../../db/query/query.ts'
import { literal } from '../../db/query/sql.ts'
import { run } from '../../db/query/transaction.ts'
import type { FixPlace } from '../../db/values/faults.ts'
import { faultText } from '../../db/values/find.ts'
import { fixesOf } from '../../db/values/fix.ts'
import { adoptOrphans } from '../../db/values/orphans.ts'
import { inspectRows } from '../../db/verify/values.ts'
import { plural } from '../../numbers.ts'
import { getZone } from '../billing/periods.ts'
import { type Finding, finding } from './finding.ts'
import type { Subject } from './subject.ts'
import { someOf } from './words.ts'

/** Finds rows with values that the checks of the tables refuse, and values that are probably wrong. */
export async function inspectValues(client: pg.Client, subject: Subject): Promise<Finding> {
  const { full, quotedSchema } = subject
  // All rows of a large store take longer than the limit of a check.
  if (full) await run(client, 'set local statement_timeout = 0')
  const { read, found, orphans } = await inspectRows(runOn(client), { full })
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
  const fixes = [
    ...fixesOf(
      found.filter(({ fault }) => fault.harmful),
      placeOf(prefix, await getZone(runOn(client))),
    ),
    ...(orphans ? [adoptOrphans(prefix)] : []),
    ...fixesOf(
      found.filter(({ fault }) => !fault.harmful),
      placeOf(prefix, ''),
    ),
  ]
  return finding(
    'values',
    harmful.length > 0 ? 'failed' : 'warning',
    `${someOf(all.map(faultText), all.length)}; read ${of}`,
    { fix: fixes.join('; '), details },
  )
}

/** A bill whose month is closed goes into the current month, as a new bill does. */
function placeOf(prefix: string, zone: string): FixPlace {
  const month = (time: string) => `to_char(${time} at time zone ${literal(zone)}, 'YYYY-MM')`
  return {
    prefix,
    now: 'now()',
    month: (time) => {
      const own = month(`(${time})`)
      const ifClosed = (value: string) =>
        `(select ${value} from ${prefix}wfstore_periods p where p.billing_period = ${own} and p.closed_at is not null)`
      return {
        billing_period: `coalesce(${ifClosed(month('now()'))}, ${own})`,
        original_period: `coalesce(original_period, ${ifClosed('p.billing_period')})`,
      }
    },
  }
}
