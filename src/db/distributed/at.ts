import { WfstoreError } from '../../error.ts'
import type { Connection } from '../query/connection.ts'
import * as d from '../query/decode.ts'
import { type Run, runOn } from '../query/query.ts'
import { type Bound, bound, literal, sql } from '../query/sql.ts'
import { COPIED, NO_RUN, SHARDED } from './layout.ts'

/**
 * Everything of an execution is on one shard of each table, and these shards are on one node. The function wfstore_at runs a
 * statement there as plain PostgreSQL, with the names of the tables replaced by those of the shards: in one snapshot, and in
 * the transaction of the caller.
 */

/** The rows of wfstore_at: an object of texts and nulls for each row of the statement. */
type Row = Record<string, string | null>

const TABLES: readonly string[] = [...SHARDED, ...COPIED]
/** A column of an application may have the name "$1". */
const NAMES = new RegExp(`\\b(${TABLES.join('|')})(_pkey)?\\b|%|(?<!["'\\w])\\$(\\d+)`, 'g')
/** On shards these keys have the execution_id too. */
const KEYS = /on conflict \((log_id|billing_id)\)/g

/** The statement as wfstore_at takes it: a text of format() that gets the numbers of the shards in the order of TABLES. */
export function onShards(text: string): string {
  const keyed = text.replace(KEYS, 'on conflict ($1, execution_id)')
  return keyed.replace(NAMES, (found, table?: string, key = '', place?: string) => {
    if (table) return `${table}${key}_%${TABLES.indexOf(table) + 1}$s`
    return place ? `($1)[${place}]` : `${found}%`
  })
}

/** A call of wfstore_at. @param run an execution on the shards; it need not exist */
export const callAt = (run: string, { text, values }: Bound): Bound =>
  sql`select wfstore_at as row from wfstore_at(${run}::uuid, ${onShards(text)}, ${values.map(asText)}::text[])`

/** Statements that name their runs are sent to the shards of these, others as they are. */
export const atRuns =
  (run: Run): Run =>
  async (statement, shape) => {
    const given = bound(statement)
    if (!given.runs) {
      const at = given.run ?? (given.runOf && (await findRun(run, given.runOf)))
      return at === undefined ? run(statement, shape) : sendAt(run, at, given, shape)
    }
    const rows = []
    for (const [first, ...others] of await byShard(run, given.runs.ids))
      rows.push(...(await sendAt(run, first, given.runs.of([first, ...others]), shape)))
    return rows
  }

/** Every statement of this runs on the shards of one run. */
export const onRun =
  (run: Run, at: string): Run =>
  (statement, shape) => {
    const { text, values } = bound(statement)
    return run({ text, values, run: at }, shape)
  }

/** In a transaction, reads of all shards see what it has written: each node has one connection of it. */
export const ONE_CONNECTION = 'set local citus.max_adaptive_executor_pool_size = 1'

async function findRun(run: Run, statement: Bound): Promise<string> {
  const [found] = await run(statement, { run: d.uuid() })
  return found?.run ?? NO_RUN
}

async function sendAt<S extends d.Shape>(run: Run, at: string, statement: Bound, shape: S) {
  const rows = await run(callAt(at, statement), { row: d.text() })
  return d.decodeRows(
    shape,
    rows.map(({ row }) => JSON.parse(row) as Row),
  )
}

/** The runs of each shard, in the order of the shards, so that two transactions never wait for each other. */
export async function byShard(run: Run, ids: readonly string[]): Promise<[string, ...string[]][]> {
  const [only, ...others] = ids
  if (only === undefined) return []
  if (others.length === 0) return [[only]]
  const found = await run(
    sql`select get_shard_id_for_distribution_column('workflow_executions', id) as shard, id from unnest(${ids}::uuid[]) as g (id) order by shard`,
    { shard: d.text(), id: d.uuid() },
  )
  const shards = new Map<string, [string, ...string[]]>()
  for (const { shard, id } of found) {
    const same = shards.get(shard)
    if (same) same.push(id)
    else shards.set(shard, [id])
  }
  return [...shards.values()]
}

/** A connection whose statements run on the shards of this run. */
export const shardOf = (connection: Connection, run: string): Connection =>
  // It keeps what else a connection has: errors ask whether it is lost.
  Object.assign(Object.create(connection) as Connection, {
    query: async ({ text, values = [], types }: Parameters<Connection['query']>[0]) => {
      const call = callAt(run, { text, values })
      const { rows } = await connection.query({ text: call.text, values: call.values, types })
      return { rows: (rows as { row: string }[]).map(({ row }) => JSON.parse(row) as Row) }
    },
  })

/** SQL for COPY, which has no parameters, of a query there with the column `line`. */
export const copyAt = (run: string, text: string): string =>
  `select wfstore_at::json ->> 'line' from wfstore_at(${literal(run)}, ${literal(onShards(text))}, '{}')`

/** An id for each group of shards: a run with this id would be there. In the order of the shards. */
export const shardsOf = (connection: Connection): Promise<string[]> => shardsBy(runOn(connection))

export async function shardsBy(run: Run): Promise<string[]> {
  const shards = `(select count(*) from pg_dist_shard where logicalrelid = 'workflow_executions'::regclass)`
  // Shards that were split are smaller than others, so few ids are there.
  for (let ids = 100; ids < 1e7; ids *= 10) {
    const found = await run(
      `select min(id::text) as run, ${shards} as shards
       from (select md5(n::text)::uuid as id from generate_series(1, ${ids} * ${shards}) as n) as x
       group by get_shard_id_for_distribution_column('workflow_executions', id)
       order by get_shard_id_for_distribution_column('workflow_executions', id)`,
      { run: d.text(), shards: d.count() },
    )
    if (found.length === found[0]?.shards) return found.map(({ run }) => run)
  }
  throw new WfstoreError('failed', 'a shard is too small to find an id for it')
}

/** A parameter as the text that PostgreSQL reads. For arrays this is much faster than pg. */
export function asText(value: unknown): string | null {
  if (value === null || value === undefined) return null
  if (Array.isArray(value)) return `{${value.map(element).join(',')}}`
  if (value instanceof Date) return value.toISOString()
  if (value instanceof Uint8Array) return `\\x${Buffer.from(value).toString('hex')}`
  return typeof value === 'object' ? JSON.stringify(value) : String(value)
}

function element(value: unknown): string {
  const text = asText(value)
  if (text === null) return 'NULL'
  // Most elements have nothing to escape, and the server reads them faster without quotes.
  return Array.isArray(value) || typeof value === 'number'
    ? text
    : `"${/["\\]/.test(text) ? text.replaceAll(/["\\]/g, '\\$&') : text}"`
}
