import type pg from 'pg'
import type { Layout } from '../../db/distributed/layout.ts'
import * as d from '../../db/query/decode.ts'
import { query } from '../../db/query/query.ts'
import { sql } from '../../db/query/sql.ts'
import { advanceSequences } from '../../db/sequences.ts'
import { WfstoreError } from '../../error.ts'
import {
  auditHistory,
  type HistoryColumn,
  type HistoryDescription,
  historyKey,
  mergedColumn,
  neededColumns,
  ofRows,
  ofSteps,
  onShard,
  usageHistory,
} from '../../tables/histories.ts'
import { foldInto } from '../history.ts'
import type { Cleaned } from '../types.ts'

const historiesOf = (layout: Layout): HistoryDescription[] =>
  [usageHistory, auditHistory].map((history) =>
    layout === 'distributed' ? onShard(history) : history,
  )

/** What the restored rows are counted in, in the transaction that restores them. */
const restoredOf = ({ name }: HistoryDescription) => `pg_temp.wfstore_restored_${name}`

/** The runs of the archive that is restored now. */
const RUNS = 'pg_temp.wfstore_restored_runs'
const runColumns = neededColumns(usageHistory).join(', ')

const create = (history: HistoryDescription) => `
  create temporary table ${restoredOf(history).replace('pg_temp.', '')} (like ${history.name}) on commit drop;
  alter table ${restoredOf(history)} drop column history_id`

export async function createRestored(client: pg.ClientBase, layout: Layout): Promise<void> {
  const runs = `create temporary table ${RUNS.replace('pg_temp.', '')} on commit drop as
    select ${runColumns} from workflow_executions with no data`
  await client.query([...historiesOf(layout).map(create), runs].join('; '))
}

/** Call it before the rows of each archive. @param costTags of its cleanup, as the text of an array in SQL */
export async function beginRestored(client: pg.ClientBase, costTags: string): Promise<void> {
  await client.query(`truncate ${RUNS}`)
  await query(client, sql`select set_config('wfstore.cost_tags', ${costTags}, true)`, {})
}

/**
 * Counts restored rows exactly as their cleanup did: the runs of an archive, then their steps. Steps of other runs are not
 * counted.
 * @param back a relation of whole rows of the kind
 */
export function foldRestored(layout: Layout, kind: Cleaned, back: string): string {
  const histories = historiesOf(layout)
  const fold = (history: HistoryDescription, added: string) =>
    `, folded as (${foldInto(history, added, restoredOf(history))})`
  const history = histories.find((one) => one.kind === (kind === 'step' ? 'execution' : kind))
  if (!history) return ''
  if (kind === 'step') return fold(history, ofSteps(history, RUNS, back))
  const keep = `, kept as (insert into ${RUNS} (${runColumns}) select ${runColumns} from ${back})`
  return `${fold(history, ofRows(history, back))}${kind === 'execution' ? keep : ''}`
}

/**
 * Takes the restored rows out of the histories, so that no total moves.
 * @throws WfstoreError conflict where a history does not hold them
 */
export async function takeOut(client: pg.ClientBase, layout: Layout): Promise<void> {
  const histories = historiesOf(layout)
  if (layout === 'single')
    await advanceSequences(
      client,
      histories.map(({ name }) => name),
    )
  for (const history of histories) {
    await client.query(`analyze ${restoredOf(history)}`)
    const [row] = await query(client, shortOf(history), { missing: d.count() })
    const missing = row?.missing ?? 0
    if (missing > 0) {
      throw new WfstoreError(
        'conflict',
        `${history.name} does not hold what the archive has: it lacks ${missing} of the ${history.noun}`,
        {
          hint: 'nothing was restored; if they were deleted or restored by hand, `copy` restores the rows alone into a scratch database',
        },
      )
    }
    await query(client, takeOutOf(history), {})
  }
}

const namesOf = ({ columns }: HistoryDescription, how: HistoryColumn['merge']) =>
  columns.filter(({ merge }) => merge === how).map(({ column }) => column)

const summed = (history: HistoryDescription, from: string): string => {
  const keys = historyKey(history)
  const others = history.columns
    .filter(({ merge }) => merge)
    .map((one) => `${mergedColumn(one)} as ${one.column}`)
  return `select ${[...keys, ...others].join(', ')} from ${from} group by ${keys.join(', ')}`
}

/** The key of a run without its model: its cost can be at several models. */
const runKey = (history: HistoryDescription): string[] =>
  historyKey(history).filter((name) => name !== 'model_id')

/**
 * The restored rows that the history does not have: no number of runs can be below 0, and if all runs of a key are restored,
 * nothing is left at any model. Amounts can add up to 0, so a key can be missing.
 */
const shortOf = (history: HistoryDescription): string => {
  const { name: table } = history
  const run = runKey(history).join(', ')
  const sums = namesOf(history, 'sum')
  const [rows, ...others] = sums as [string, ...string[]]
  const left = sums.map((name) => `coalesce(h.${name}, 0) - coalesce(b.${name}, 0) as ${name}`)
  const timed = others.includes('timed_runs') ? ` or timed_runs < 0 or timed_runs > ${rows}` : ''
  const remains = others.map((name) => `${name} not in (0, 'NaN')`).join(' or ')
  const restored = restoredOf(history)
  return `with back as (${summed(history, restored)}), held as (
      ${summed(history, `${table} join (select distinct ${run} from ${restored}) as k using (${run})`)}
    ), remaining as (
      select ${historyKey(history).join(', ')}, ${left.join(', ')}, b.${rows} as restored
      from back b full join held h using (${historyKey(history).join(', ')})
    )
    select coalesce(sum(missing), 0) as missing from (
      select sum(restored) as missing from remaining group by ${run}
      having bool_or(${rows} < 0${timed})${remains ? ` or sum(${rows}) = 0 and bool_or(${remains})` : ''}
    ) as wrong`
}

/** A row of each key remains, or none if it counts nothing any more. */
const takeOutOf = (history: HistoryDescription): string => {
  const { name: table } = history
  const keys = historyKey(history).join(', ')
  const sums = namesOf(history, 'sum')
  // What the newest was without the restored rows is not known, so it stays.
  const newest = [...namesOf(history, 'max'), ...namesOf(history, 'any')]
  const restored = restoredOf(history)
  // A numeric may be infinite. Infinity less itself is NaN, so such a sum stays.
  const left = sums.map(
    (name) => `coalesce(nullif(coalesce(h.${name}, 0) - b.${name}, 'NaN'), h.${name}) as ${name}`,
  )
  const kept = newest.map((name) => `coalesce(h.${name}, b.${name}) as ${name}`)
  return `with back as (${summed(history, restored)}), gone as (
      delete from ${table} h using back b where ${historyKey(history)
        .map((name) => `h.${name} = b.${name}`)
        .join(' and ')} returning h.*
    ), held as (${summed(history, 'gone')}), remaining as (
      select ${[keys, ...left, ...kept].join(', ')} from back b left join held h using (${keys})
    )
    insert into ${table} (${[keys, ...sums, ...newest].join(', ')})
    select ${[keys, ...sums, ...newest].join(', ')} from remaining
    where ${sums.map((name) => `${name} <> 0`).join(' or ')}`
}
