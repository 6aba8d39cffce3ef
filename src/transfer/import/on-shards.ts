import type pg from 'pg'
import { shardOf } from '../../db/distributed/at.ts'
import type { Layout } from '../../db/distributed/layout.ts'
import * as d from '../../db/query/decode.ts'
import { query } from '../../db/query/query.ts'
import { raw, sql } from '../../db/query/sql.ts'
import { type Staged, stagedColumns, stagedField, stageOf } from '../lines/staged.ts'

/** The number of staged rows that one statement on a shard gets. */
const PART = 500

/** Notes for each staged row on which shard its run is. Not needed where all tables are on one server. */
export async function findShards(client: pg.ClientBase, staged: Staged): Promise<void> {
  const stage = stageOf(staged.table)
  const id = stagedField(staged, staged.table.kind === 'metric' ? 'metricId' : 'executionId')
  await client.query(`alter table ${stage} add column shard bigint`)
  await client.query(
    `update ${stage} set shard = get_shard_id_for_distribution_column('workflow_executions', coalesce(${id}, wfstore_no_run()))`,
  )
  await client.query(`create index on ${stage} (shard, line)`)
}

/**
 * Runs a statement that reads staged rows and rows of their runs. In a distributed store it runs on each shard, with a part of the
 * staged rows at a time.
 * @returns the rows of each part
 */
export async function onParts<S extends d.Shape>(
  client: pg.ClientBase,
  layout: Layout,
  staged: Staged,
  statement: (staged: Staged) => string,
  shape: S,
): Promise<d.RowOf<S>[][]> {
  if (layout === 'single') return [await query(client, statement(staged), shape)]
  const columns = partColumns(staged)
  const typed = columns.map(({ name, type }) => `${name}::${type}`).join(', ')
  const texts = columns.map(({ name }) => `${name} text`).join(', ')
  const source = `(select ${typed} from json_to_recordset($1::json) as r (${texts}))`
  const text = statement({ ...staged, source })
  const parts: d.RowOf<S>[][] = []
  for await (const { run, rows } of partsOf(client, staged))
    parts.push(await query(shardOf(client, run), { text, values: [rows] }, shape))
  return parts
}

/** They are sent as texts: in JSON, a JSON null would be NULL, and arrays and rows are not what their types read. */
const partColumns = (staged: Staged): { name: string; type: string }[] => [
  { name: 'line', type: 'bigint' },
  { name: 'absent', type: 'smallint[]' },
  { name: 'refs', type: 'jsonb' },
  ...stagedColumns(staged).map(({ staged: name, type }) => ({ name, type })),
]

async function* partsOf(client: pg.ClientBase, staged: Staged) {
  const stage = raw(stageOf(staged.table))
  const id = raw(stagedField(staged, staged.table.kind === 'metric' ? 'metricId' : 'executionId'))
  const texts = raw(
    partColumns(staged)
      .map(({ name }) => `${name}::text`)
      .join(', '),
  )
  const shards = await query(
    client,
    sql`select shard, min(coalesce(${id}, wfstore_no_run())::text) as run from ${stage} group by shard order by shard`,
    { shard: d.text(), run: d.text() },
  )
  for (const { shard, run } of shards) {
    for (let after = '-1'; ; ) {
      const [part] = await query(
        client,
        sql`select max(line::bigint) as last, json_agg(row_to_json(s)) as rows
            from (select ${texts} from ${stage} as staged where shard = ${shard} and line > ${after} order by staged.line limit ${PART}) as s`,
        { last: d.nullable(d.text()), rows: d.nullable(d.text()) },
      )
      if (!part?.last || !part.rows) break
      yield { run, rows: part.rows }
      after = part.last
    }
  }
}
