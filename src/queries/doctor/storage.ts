import type { Queryable } from '../../db/query/connection.ts'
import * as d from '../../db/query/decode.ts'
import { raw, sql } from '../../db/query/sql.ts'
import { formatBytes, formatDuration, formatNumber, plural } from '../../numbers.ts'
import { type DoctorFinding, finding } from './finding.ts'
import { everywhere, merged, storedTables } from './nodes.ts'
import type { Subject } from './subject.ts'
import { enumerate } from './words.ts'

const LARGEST = 3

export async function inspectSizes(database: Queryable, subject: Subject): Promise<DoctorFinding> {
  const shards = await everywhere(
    database,
    subject,
    sql`select name, pg_table_size(oid) as heap_bytes, pg_indexes_size(oid) as index_bytes,
            pg_total_relation_size(oid) as total_bytes, nullif(reltuples, -1)::bigint as rows
     from ${storedTables(subject)} ours`,
    {
      name: d.text(),
      heapBytes: d.count(),
      indexBytes: d.count(),
      totalBytes: d.count(),
      rows: d.nullable(d.count()),
    },
  )
  const tables = merged(shards, (one, other) => ({
    heapBytes: one.heapBytes + other.heapBytes,
    indexBytes: one.indexBytes + other.indexBytes,
    totalBytes: one.totalBytes + other.totalBytes,
    rows: one.rows === null && other.rows === null ? null : (one.rows ?? 0) + (other.rows ?? 0),
  })).sort((a, b) => b.totalBytes - a.totalBytes || (a.name < b.name ? -1 : 1))
  const total = tables.reduce((sum, table) => sum + table.totalBytes, 0)
  const indexes = tables.reduce((sum, table) => sum + table.indexBytes, 0)
  const texts = tables
    .slice(0, LARGEST)
    .map(
      ({ name, totalBytes, rows }) =>
        `${name} ${formatBytes(totalBytes)}${rows === null ? '' : ` (about ${plural(rows, 'row')})`}`,
    )
  return finding(
    'sizes',
    'ok',
    `${formatBytes(total)} in total, ${formatBytes(indexes)} of it in indexes; largest: ${texts.join(', ')}`,
    { details: { totalBytes: total, indexBytes: indexes, tables } },
  )
}

/** A setting of autovacuum: that of the table, or else of the server; NULL if this server does not have it. */
const setting = (name: string) => `coalesce(
  (select option_value from pg_options_to_table(ours.reloptions) where option_name = '${name}'),
  current_setting('${name}', true))`

const tableShape = {
  name: d.text(),
  qualified: d.text(),
  dead: d.count(),
  live: d.count(),
  /** The number of dead rows at which autovacuum starts. */
  tolerated: d.number(),
  maximum: d.nullable(d.number()),
  autovacuum: d.boolean(),
  lastVacuum: d.nullable(d.time()),
  sinceVacuumMs: d.nullable(d.number()),
  lastAnalyze: d.nullable(d.time()),
  planned: d.boolean(),
}

/** At twice its threshold autovacuum is off, too slow, or unable to remove the rows. */
const BEHIND = 2

export async function inspectDeadRows(
  database: Queryable,
  subject: Subject,
): Promise<DoctorFinding> {
  const shards = await everywhere(
    database,
    subject,
    sql`select ours.name, ours.qualified, s.n_dead_tup as dead, s.n_live_tup as live,
            ${raw(setting('autovacuum_vacuum_threshold'))}::float8
              + ${raw(setting('autovacuum_vacuum_scale_factor'))}::float8 * greatest(ours.reltuples, 0) as tolerated,
            ${raw(setting('autovacuum_vacuum_max_threshold'))}::float8 as maximum,
            current_setting('autovacuum')::bool and coalesce(${raw(setting('autovacuum_enabled'))}::bool, true) as autovacuum,
            to_json(greatest(s.last_vacuum, s.last_autovacuum)) #>> '{}' as last_vacuum,
            extract(epoch from now() - greatest(s.last_vacuum, s.last_autovacuum)) * 1000 as since_vacuum_ms,
            to_json(greatest(s.last_analyze, s.last_autoanalyze)) #>> '{}' as last_analyze,
            exists (select from pg_stats p where p.schemaname = ${subject.schema} and p.tablename = ours.relname) as planned
     from ${storedTables(subject)} ours join pg_stat_all_tables s on s.relid = ours.oid`,
    tableShape,
  )
  const tables = merged(shards, (one, other) => ({
    dead: one.dead + other.dead,
    live: one.live + other.live,
    tolerated: one.tolerated + other.tolerated,
    maximum: one.maximum === null || other.maximum === null ? null : one.maximum + other.maximum,
    autovacuum: one.autovacuum && other.autovacuum,
    // An empty shard is not analysed.
    planned: (one.planned || one.live === 0) && (other.planned || other.live === 0),
    ...newest(one, other),
    lastAnalyze: [one.lastAnalyze, other.lastAnalyze].sort().at(-1) ?? one.lastAnalyze,
  })).sort((a, b) => b.dead - a.dead || (a.name < b.name ? -1 : 1))
  const limit = ({ tolerated, maximum }: (typeof tables)[number]) =>
    BEHIND * (maximum !== null && maximum >= 0 ? Math.min(tolerated, maximum) : tolerated)
  const behind = tables.filter(
    (table) => table.dead > limit(table) && table.dead > subject.limits.deadRows,
  )
  const unplanned = tables.filter(
    ({ planned, lastAnalyze, live }) =>
      !planned && lastAnalyze === null && live > subject.limits.unanalysedRows,
  )
  const off = tables.filter(({ autovacuum }) => !autovacuum)
  const details = {
    tables: tables.map(({ qualified: _, planned: __, sinceVacuumMs: ___, ...table }) => table),
  }
  const texts = [
    ...behind.map(
      ({ name, dead, live, sinceVacuumMs }) =>
        `${name} has ${plural(dead, 'dead row')} and ${plural(live, 'live row')}, ${vacuumed(sinceVacuumMs)}`,
    ),
    ...(unplanned.length > 0
      ? [
          `never analysed, so queries may be slow: ${enumerate(unplanned.map(({ name, live }) => `${name} (about ${plural(live, 'row')})`))}`,
        ]
      : []),
    ...(off.length > 0
      ? [
          off.length === tables.length
            ? 'autovacuum is off'
            : `autovacuum is off for ${off.map(({ name }) => name).join(', ')}`,
        ]
      : []),
  ]
  if (texts.length === 0) {
    const dead = tables.reduce((sum, table) => sum + table.dead, 0)
    const recent = tables
      .map(({ sinceVacuumMs }) => sinceVacuumMs)
      .filter((ms) => ms !== null)
      .sort((a, b) => a - b)[0]
    return finding('dead-rows', 'ok', `${plural(dead, 'dead row')}, ${vacuumed(recent ?? null)}`, {
      details,
    })
  }
  return finding('dead-rows', 'warning', texts.join('; '), {
    fix: fixes(behind, unplanned, off, off.length === tables.length),
    details,
  })
}

type Vacuumed = { lastVacuum: string | null; sinceVacuumMs: number | null }

const newest = (...[a, b]: [Vacuumed, Vacuumed]): Vacuumed => {
  const { lastVacuum, sinceVacuumMs } = (a.lastVacuum ?? '') >= (b.lastVacuum ?? '') ? a : b
  return { lastVacuum, sinceVacuumMs }
}

const vacuumed = (ms: number | null) =>
  ms === null ? 'never vacuumed' : `last vacuumed ${formatDuration(ms)} ago`

type Named = { qualified: string }

function fixes(behind: Named[], unplanned: Named[], off: Named[], everywhere: boolean): string {
  const list = (tables: Named[]) => tables.map(({ qualified }) => qualified).join(', ')
  const rest = unplanned.filter((table) => !behind.includes(table))
  return [
    ...(behind.length > 0 ? [`vacuum (analyze) ${list(behind)}`] : []),
    ...(rest.length > 0 ? [`analyze ${list(rest)}`] : []),
    ...(everywhere
      ? ['alter system set autovacuum = on; select pg_reload_conf()']
      : off.map(({ qualified }) => `alter table ${qualified} reset (autovacuum_enabled)`)),
  ].join('; ')
}

/** The server refuses all writes when the oldest transaction id in use is 2.1 billion transactions old. */
export async function inspectTransactionIds(
  database: Queryable,
  subject: Subject,
): Promise<DoctorFinding> {
  const ages = await everywhere(
    database,
    subject,
    sql`select qualified, age from (
       select ours.qualified, age(c.relfrozenxid) as age
       from ${storedTables(subject)} ours join pg_class c on c.oid in (ours.oid, ours.reltoastrelid)
       union all
       select null, age(datfrozenxid) from pg_database where datname = current_database()
     ) ages order by age desc, qualified nulls last limit 1`,
    { qualified: d.nullable(d.text()), age: d.count() },
  )
  const [oldest] = ages.sort((a, b) => b.age - a.age)
  const { qualified, age, node } = oldest ?? { qualified: null, age: 0 }
  const details = { oldestAge: age, of: qualified, node }
  const text = `the oldest transaction id in use is ${formatNumber(age)} transactions old`
  if (age <= subject.limits.transactionIds)
    return finding('transaction-ids', 'ok', text, { details })
  return finding(
    'transaction-ids',
    'failed',
    `${text} (${qualified ?? 'in another table of this database'}); at about 2,100,000,000 ${node ?? 'the server'} refuses all writes`,
    { fix: qualified === null ? 'vacuum (freeze)' : `vacuum (freeze) ${qualified}`, details },
  )
}
