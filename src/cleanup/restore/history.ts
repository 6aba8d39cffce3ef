import type pg from 'pg'
import * as d from '../../db/query/decode.ts'
import { query } from '../../db/query/query.ts'
import { advanceSequences } from '../../db/sequences.ts'
import { WfstoreError } from '../../error.ts'
import {
  auditHistory,
  type HistoryDescription,
  historyKey,
  usageHistory,
} from '../../tables/histories.ts'
import { foldInto } from '../history.ts'
import type { Cleaned } from '../types.ts'

const HISTORIES = [usageHistory, auditHistory]

/** What the restored rows are counted in, in the transaction that restores them. */
const restoredOf = ({ name }: HistoryDescription) => `pg_temp.wfstore_restored_${name}`

const create = (history: HistoryDescription) => `
  create temporary table ${restoredOf(history).replace('pg_temp.', '')} (like ${history.name}) on commit drop;
  alter table ${restoredOf(history)} drop column history_id`

export async function createRestored(client: pg.ClientBase): Promise<void> {
  await client.query(HISTORIES.map(create).join('; '))
}

/**
 * Counts restored rows exactly as their cleanup did.
 * @param back a relation of whole rows of the kind
 */
export function foldRestored(kind: Cleaned, back: string): string {
  const history = HISTORIES.find((history) => history.kind === kind)
  return history ? `, folded as (${foldInto(history, back, restoredOf(history))})` : ''
}

/**
 * Takes the restored rows out of the histories, so that no total moves.
 * @throws WfstoreError conflict where a history does not hold them
 */
export async function takeOut(client: pg.ClientBase): Promise<void> {
  await advanceSequences(
    client,
    HISTORIES.map(({ name }) => name),
  )
  for (const history of HISTORIES) {
    await client.query(`analyze ${restoredOf(history)}`)
    const [row] = await query(client, shortOf(history), { missing: d.count() })
    const missing = row?.missing ?? 0
    if (missing > 0) {
      throw new WfstoreError(
        'conflict',
        `${history.name} does not hold what the archive has: it lacks ${missing} of the ${history.noun}`,
        {
          hint: 'nothing was restored; if they were deleted or restored by hand, --copy restores the rows alone into a scratch database',
        },
      )
    }
    await query(client, takeOutOf(history), {})
  }
}

const namesOf = ({ columns }: HistoryDescription, how: 'sum' | 'max') =>
  columns.filter(({ merge }) => merge === how).map(({ column }) => column)

const summed = (history: HistoryDescription, from: string): string =>
  `select ${historyKey(history).join(', ')}, ${namesOf(history, 'sum')
    .map((name) => `sum(${name}) as ${name}`)
    .join(', ')} from ${from} group by ${historyKey(history).join(', ')}`

/** Restored rows that their key does not count: nothing that it counts can be less than they are. */
const shortOf = (history: HistoryDescription): string => {
  const { name: table } = history
  const keys = historyKey(history)
  const [rows, ...others] = namesOf(history, 'sum') as [string, ...string[]]
  const timed = others.filter((name) => name === 'timed_runs')
  const emptied = others.map((name) => `h.${name} - b.${name} not in (0, 'NaN')`)
  const wrong = [
    `h.${rows} is null`,
    ...[rows, ...timed].map((name) => `h.${name} < b.${name}`),
    ...timed.map((name) => `h.${name} - b.${name} > h.${rows} - b.${rows}`),
    ...(emptied.length > 0 ? [`h.${rows} = b.${rows} and (${emptied.join(' or ')})`] : []),
  ]
  const restored = restoredOf(history)
  return `with back as (${summed(history, restored)}), held as (
      ${summed(history, `${table} join (select distinct ${keys.join(', ')} from ${restored}) as k using (${keys.join(', ')})`)})
    select coalesce(sum(b.${rows}), 0) as missing from back b left join held h using (${keys.join(', ')})
    where ${wrong.join(' or ')}`
}

/** A row of each key remains, or none if it counts nothing any more. */
const takeOutOf = (history: HistoryDescription): string => {
  const { name: table } = history
  const keys = historyKey(history)
  const sums = namesOf(history, 'sum')
  const [rows] = sums as [string]
  // What the newest was without the restored rows is not known, so it stays.
  const newest = namesOf(history, 'max')
  const same = keys.map((name) => `h.${name} = b.${name}`).join(' and ')
  const less = (name: string) => `sum(g.${name}) - max(b.${name})`
  // A numeric may be infinite. Infinity less itself is NaN, so such a sum stays.
  const numeric = history.columns.filter(({ type }) => type === 'amount' || type === 'number')
  const remainder = (name: string) =>
    numeric.some(({ column }) => column === name)
      ? `case when ${less(name)} = 'NaN' then sum(g.${name}) else ${less(name)} end`
      : less(name)
  const remaining = [...sums.map(remainder), ...newest.map((name) => `max(g.${name})`)]
  return `with back as (${summed(history, restoredOf(history))}), gone as (
      delete from ${table} h using back b where ${same} returning h.*)
    insert into ${table} (${[...keys, ...sums, ...newest].join(', ')})
    select ${keys.join(', ')}, ${remaining.join(', ')}
    from gone g join back b using (${keys.join(', ')}) group by ${keys.join(', ')}
    having ${less(rows)} > 0`
}
