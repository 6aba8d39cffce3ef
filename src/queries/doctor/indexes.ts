import type { Queryable } from '../../db/query/connection.ts'
import * as d from '../../db/query/decode.ts'
import { sql } from '../../db/query/sql.ts'
import { readUnindexed } from '../../db/unindexed.ts'
import { formatBytes } from '../../numbers.ts'
import { type DoctorFinding, finding } from './finding.ts'
import { everywhere, merged, storedTables } from './nodes.ts'
import type { Subject } from './subject.ts'
import { enumerate, someOf } from './words.ts'

/** The name of an index that an interrupted REINDEX CONCURRENTLY leaves behind. */
const LEFTOVER = /_cc(new|old)\d*$/

/** Without the number of its shard. */
const OWN_NAME = sql`left(i.relname, length(i.relname) - length(ours.suffix))`

/** Finds invalid indexes: every write updates them and no query uses them. */
export async function inspectIndexes(
  database: Queryable,
  subject: Subject,
): Promise<DoctorFinding> {
  const shards = await everywhere(
    database,
    subject,
    sql`select ${OWN_NAME} as name, format('%I.%I', n.nspname, ${OWN_NAME}) as qualified, ours.name as table_name,
            x.indisvalid and x.indisready as valid,
            exists (select from pg_stat_progress_create_index p where p.datname = current_database()
              and coalesce(p.index_relid in (x.indexrelid, 0) and p.relid = x.indrelid, true)) as maybe_building
     from ${storedTables(subject)} ours
     join pg_index x on x.indrelid = ours.oid
     join pg_class i on i.oid = x.indexrelid
     join pg_namespace n on n.oid = i.relnamespace order by 1`,
    {
      name: d.text(),
      qualified: d.text(),
      tableName: d.text(),
      valid: d.boolean(),
      // NULL if this role may not see it.
      maybeBuilding: d.nullable(d.boolean()),
    },
  )
  const found = merged(shards, (one, other) => ({
    valid: one.valid && other.valid,
    maybeBuilding: (one.valid || one.maybeBuilding) && (other.valid || other.maybeBuilding),
  }))
  const invalid = found.filter(({ valid }) => !valid)
  const details = {
    indexes: found.length,
    invalid: invalid.map(({ name, tableName }) => ({ name, table: tableName })),
  }
  if (invalid.length === 0) {
    const slow = await readUnindexed(database)
    if (slow.length === 0)
      return finding('indexes', 'ok', `all ${found.length} indexes are valid`, { details })
    const keys = enumerate(slow.map(({ name, table }) => `${name} of ${table}`))
    return finding(
      'indexes',
      'warning',
      `foreign keys without an index make cleanup slow: ${keys}`,
      {
        fix: slow.map(({ fix }) => fix).join('; '),
        details: { ...details, unindexedKeys: slow },
      },
    )
  }
  const names = enumerate(invalid.map(({ name }) => name))
  if (invalid.every(({ maybeBuilding }) => maybeBuilding)) {
    const text = `an index build is in progress: ${names}`
    return finding('indexes', 'warning', text, { fix: subject.command('doctor'), details })
  }
  return finding(
    'indexes',
    'failed',
    `invalid after an interrupted build, so no query uses it and every write updates it: ${names}`,
    { fix: rebuilt(invalid, subject), details },
  )
}

function rebuilt(invalid: { name: string; qualified: string }[], subject: Subject): string {
  const others = invalid.filter(({ name }) => !subject.indexes.includes(name))
  const statements = others.map(({ name, qualified }) =>
    LEFTOVER.test(name)
      ? `drop index concurrently ${qualified}`
      : `reindex index concurrently ${qualified}`,
  )
  // `migrate up` rebuilds the indexes of wfstore.
  const ours = others.length < invalid.length ? [`\`${subject.command('migrate up')}\``] : []
  if (statements.length === 0) return subject.command('migrate up')
  return [...ours, ...statements].join('; ')
}

/** Finds indexes, other than those of keys and constraints, that no query has read. */
export async function inspectUnusedIndexes(
  database: Queryable,
  subject: Subject,
): Promise<DoctorFinding> {
  const shards = await everywhere(
    database,
    subject,
    sql`select ${OWN_NAME} as name, ours.name as table_name, s.idx_scan as scans,
            pg_relation_size(i.oid) as bytes, ${OWN_NAME} = any(${subject.indexes}::text[]) as own,
            (select to_json(stats_reset) #>> '{}' from pg_stat_database where datname = current_database()) as since
     from ${storedTables(subject)} ours
     join pg_index x on x.indrelid = ours.oid and x.indisvalid
       and not (x.indisunique or x.indisprimary or x.indisexclusion)
     join pg_class i on i.oid = x.indexrelid
     join pg_stat_all_indexes s on s.indexrelid = i.oid`,
    {
      name: d.text(),
      tableName: d.text(),
      scans: d.count(),
      bytes: d.count(),
      own: d.boolean(),
      since: d.nullable(d.time()),
    },
  )
  const found = merged(shards, (one, other) => ({
    scans: one.scans + other.scans,
    bytes: one.bytes + other.bytes,
  }))
    .filter(({ scans }) => scans === 0)
    .sort((a, b) => b.bytes - a.bytes || (a.name < b.name ? -1 : 1))
  // NULL if the statistics have never been reset.
  const since = found[0]?.since ?? null
  const own = found.filter((index) => index.own)
  const others = found.filter((index) => !index.own && index.bytes >= subject.limits.unusedBytes)
  const details = {
    since,
    unused: found.map(({ name, tableName, bytes, own }) => ({
      name,
      table: tableName,
      bytes,
      own,
    })),
  }
  const span = since === null ? '' : ` since ${since.slice(0, 10)}`
  const ours =
    own.length === 0
      ? `all ${subject.indexes.length} indexes of wfstore are in use`
      : `${own.length} of the ${subject.indexes.length} indexes of wfstore have not been used${span}: their commands have not run yet`
  if (others.length === 0) return finding('unused-indexes', 'ok', ours, { details })
  const total = others.reduce((sum, index) => sum + index.bytes, 0)
  const names = others.map(({ name, bytes: size }) => `${name} (${formatBytes(size)})`)
  // No statement that drops them: they belong to the application, and a replica counts its own queries.
  return finding(
    'unused-indexes',
    'warning',
    `not used by any query of this server${span}, but updated by every write (${formatBytes(total)}): ${someOf(names, names.length)}; ask the owner of the application whether a replica or a rare job uses them; ${ours}`,
    { details },
  )
}
