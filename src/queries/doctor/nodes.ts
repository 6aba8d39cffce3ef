import type { Queryable } from '../../db/query/connection.ts'
import * as d from '../../db/query/decode.ts'
import { query } from '../../db/query/query.ts'
import { literal, raw, type Sql, sql } from '../../db/query/sql.ts'
import { WfstoreError } from '../../error.ts'
import { plural } from '../../numbers.ts'
import { type DoctorFinding, finding } from './finding.ts'
import { ourTables, type Subject } from './subject.ts'
import { enumerate } from './words.ts'

/** Host and port of the node that has it; not set if the store has one server. */
interface Placed {
  node?: string
}

/** Rows of a statement, of each node of a distributed store. */
export async function everywhere<S extends d.Shape>(
  database: Queryable,
  { layout }: Pick<Subject, 'layout'>,
  statement: Sql,
  shape: S,
): Promise<(d.RowOf<S> & Placed)[]> {
  if (layout === 'single') return query(database, statement, shape)
  const answers = await readNodes(
    database,
    `select coalesce(json_agg(q), '[]') from (${inlined(statement)}) q`,
  )
  return answers.flatMap(({ node, success, result }) => {
    if (!success) throw new WfstoreError('failed', `node ${node} does not answer: ${result}`)
    const rows = (JSON.parse(result) as Record<string, unknown>[]).map((row) =>
      Object.fromEntries(
        Object.entries(row).map(([name, value]) => [name, value === null ? null : String(value)]),
      ),
    )
    return d.decodeRows(shape, rows).map((row) => ({ ...row, node }))
  })
}

/** One row for each name: those of the shards of a table as one. */
export function merged<T extends { name: string } & Placed>(
  rows: readonly T[],
  merge: (one: T, other: T) => Partial<T>,
): T[] {
  const found = new Map<string, T>()
  for (const { node: _, ...row } of rows as T[]) {
    const one = found.get(row.name)
    found.set(row.name, one ? { ...one, ...merge(one, row as T) } : (row as T))
  }
  return [...found.values()]
}

/** The result of a command on each node, or its error. */
const readNodes = (database: Queryable, command: string) =>
  query(
    database,
    sql`select n.nodename || ':' || n.nodeport as node, c.success, c.result
     from run_command_on_all_nodes(${command}, give_warning_for_connection_errors := true) c join pg_dist_node n using (nodeid)
     order by n.groupid`,
    { node: d.text(), success: d.boolean(), result: d.text() },
  )

/** The statement without placeholders, which a command on a node cannot have. */
const inlined = ({ strings, values }: Sql): string =>
  strings.reduce((text, piece, index) => `${text}${constantOf(values[index - 1])}${piece}`)

function constantOf(value: unknown): string {
  if (Array.isArray(value)) return `array[${value.map(constantOf).join(', ')}]`
  return typeof value === 'number' ? String(value) : literal(String(value))
}

/** The tables that have rows, for a FROM clause: on a node of a distributed store, the shards by the names of their tables. */
export const storedTables = (subject: Pick<Subject, 'schema' | 'tables' | 'layout'>): Sql =>
  subject.layout === 'single'
    ? sql`(select ours.*, ours.relname as name, '' as suffix from ${ourTables(subject)} ours)`
    : sql`(
  select c.*, ours.relname as name, ours.qualified, coalesce('_' || s.shardid, '') as suffix from ${ourTables(subject)} ours
  left join pg_dist_shard s on s.logicalrelid = ours.oid
  join pg_class c on c.relnamespace = ours.relnamespace and c.relname = ours.relname || coalesce('_' || s.shardid, ''))`

/** These and the tables themselves, which LOCK TABLE locks on every node. Several rows may be of one table. */
export const lockedTables = (subject: Pick<Subject, 'schema' | 'tables' | 'layout'>): Sql =>
  subject.layout === 'single'
    ? storedTables(subject)
    : sql`(select oid, name from ${storedTables(subject)} stored union all select oid, relname from ${ourTables(subject)} ours)`

const PID = '\\d+'
/** The number of a session: in a distributed store that of the whole cluster, which pg_terminate_backend takes too. */
export const session = (alias: string, { layout }: Pick<Subject, 'layout'>): Sql =>
  raw(
    layout === 'single'
      ? `${alias}.pid`
      : `coalesce(substring(${alias}.application_name from '^citus_internal gpid=(${PID})')::bigint,
           (select nodeid from pg_dist_node join pg_dist_local_group using (groupid) limit 1) * 10000000000 + ${alias}.pid)`,
  )

/** Finds nodes that do not answer or do not take part. */
export async function inspectNodes(database: Queryable): Promise<DoctorFinding> {
  const nodes = await query(
    database,
    `select n.nodename || ':' || n.nodeport as node, n.groupid = 0 as coordinator, n.isactive as active,
       (select count(*) from pg_dist_placement p join pg_dist_shard s using (shardid) join pg_dist_partition t using (logicalrelid)
        where p.groupid = n.groupid and t.partmethod = 'h') as shards
     from pg_dist_node n where n.noderole = 'primary' order by n.groupid`,
    { node: d.text(), coordinator: d.boolean(), active: d.boolean(), shards: d.count() },
  )
  const answers = await readNodes(
    database,
    `select extversion || ', PostgreSQL ' || current_setting('server_version') from pg_extension where extname = 'citus'`,
  )
  const versions = new Set(answers.filter(({ success }) => success).map(({ result }) => result))
  const silent = answers.filter(({ success }) => !success)
  const off = nodes.filter(({ active }) => !active)
  const list = nodes.map(({ node, coordinator, shards }) => {
    const kind = coordinator ? 'coordinator' : 'worker'
    return `${kind} ${node} with ${plural(shards, 'shard')}`
  })
  const details = { nodes, versions: [...versions] }
  if (silent.length + off.length > 0)
    return finding(
      'nodes',
      'failed',
      enumerate([
        ...silent.map(({ node, result }) => `${node} does not answer (${result})`),
        ...off.map(({ node }) => `${node} is not active`),
      ]),
      {
        fix:
          off.length > 0
            ? 'select citus_activate_node(nodename, nodeport) from pg_dist_node where not isactive'
            : null,
        details,
      },
    )
  const differ = versions.size > 1
  return finding(
    'nodes',
    differ ? 'warning' : 'ok',
    differ
      ? `nodes have different versions: ${enumerate([...versions])}`
      : `Citus ${[...versions][0]} on each of ${plural(nodes.length, 'node')}: ${enumerate(list)}`,
    { details },
  )
}
