import type { Queryable } from '../../db/query/connection.ts'
import * as d from '../../db/query/decode.ts'
import { sql } from '../../db/query/sql.ts'
import { formatDuration, plural } from '../../numbers.ts'
import { type DoctorFinding, finding } from './finding.ts'
import { everywhere, session } from './nodes.ts'
import type { Subject } from './subject.ts'
import { someOf } from './words.ts'

const transactionShape = {
  /** NULL of a prepared transaction. */
  pid: d.nullable(d.count()),
  name: d.text(),
  since: d.time(),
  ageMs: d.number(),
  fix: d.text(),
}

/** Finds transactions that are open for long: VACUUM cannot remove rows deleted since they began. */
export async function inspectTransactions(
  database: Queryable,
  subject: Subject,
): Promise<DoctorFinding> {
  const { role, limits } = subject
  const found = await everywhere(
    database,
    subject,
    sql`select t.pid, t.name, to_json(t.since) #>> '{}' as since, extract(epoch from now() - t.since) * 1000 as age_ms, t.fix
     from (
       select ${session('a', subject)} as pid, format('pid %s (%s%s)', ${session('a', subject)}, coalesce(nullif(application_name, ''), 'no application_name'), ', ' || state) as name,
              xact_start as since, format('select pg_terminate_backend(%s)', ${session('a', subject)}) as fix
       from pg_stat_activity a
       where datname = current_database() and backend_type = 'client backend' and pid <> pg_backend_pid()
         and not starts_with(a.application_name, 'citus_internal ')
       union all
       select null, format('prepared transaction %s', gid), prepared, format('rollback prepared %L', gid)
       from pg_prepared_xacts where database = current_database()
     ) t where t.since <= now() - ${limits.transactionMs} * interval '1 millisecond' order by t.since`,
    transactionShape,
  )
  const hidden = await everywhere(
    database,
    subject,
    sql`select count(*) as sessions from pg_stat_activity
     where datname = current_database() and pid <> pg_backend_pid() and query = '<insufficient privilege>'`,
    { sessions: d.count() },
  )
  const unseen = hidden.reduce((sum, { sessions }) => sum + sessions, 0)
  const note =
    unseen === 0
      ? ''
      : `; ${plural(unseen, 'session')} of other roles not visible (grant pg_read_all_stats to ${role})`
  const details = { open: found.map(({ fix: _, ...row }) => row), unseen }
  const limit = formatDuration(limits.transactionMs)
  const [oldest] = found
  if (!oldest) {
    return finding('transactions', 'ok', `no transaction is older than ${limit}${note}`, {
      details,
    })
  }
  const texts = found.map(({ name, ageMs }) => `${name} for ${formatDuration(ageMs)}`)
  return finding(
    'transactions',
    'warning',
    `transactions older than ${limit} prevent VACUUM from removing dead rows: ${someOf(texts, texts.length)}${note}`,
    { fix: oldest.fix, details },
  )
}
