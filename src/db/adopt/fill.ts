import type pg from 'pg'
import { formatDuration } from '../../numbers.ts'
import { type LockOptions, setLockTimeout, withLockRetries } from '../migrate/lock.ts'
import * as d from '../query/decode.ts'
import { query } from '../query/query.ts'
import { sql } from '../query/sql.ts'
import { transaction } from '../query/transaction.ts'
import { fillStatement, type Preparation } from './copies.ts'
import { FILLS } from './names.ts'

/** A batch locks its rows until it ends. A writer of one of these rows waits for that time. */
const BATCH_MS = 100
const FIRST_PAGES = 64
const MOST_PAGES = 4096
const PROGRESS_MS = 10_000

/**
 * Fills the new columns of all rows, in small transactions. Pages that the table gets later have rows that the trigger
 * has filled.
 */
export async function fillTable(
  client: pg.Client,
  preparation: Preparation,
  options: LockOptions,
): Promise<void> {
  const { table } = preparation
  const [file] = await query(
    client,
    sql`select pg_relation_size(to_regclass(${table})) / current_setting('block_size')::bigint as pages,
            least(setting::bigint / 2, ${options.lockTimeoutMs}::bigint) as wait_ms
     from pg_settings where name = 'deadlock_timeout'`,
    { pages: d.count(), waitMs: d.count() },
  )
  const { pages, waitMs } = file ?? { pages: 0, waitMs: 1 }
  const started = performance.now()
  let said = started
  let size = FIRST_PAGES
  for (let page = 0; page < pages; ) {
    const end = page + size
    const range = `ctid >= '(${page},0)' and ctid < '(${end},0)'`
    const begun = performance.now()
    await withLockRetries(client, { ...options, tables: [table] }, () =>
      transaction(client, async () => {
        // A writer may wait for a row of this batch and hold another. We give up before the server cancels the writer.
        await setLockTimeout(client, waitMs, 'transaction')
        await query(client, SETTINGS, {})
        await query(client, fillStatement(preparation, range), {})
      }),
    )
    const now = performance.now()
    page = end
    size = Math.max(1, Math.min(MOST_PAGES, size * 2, (size * BATCH_MS) / (now - begun)) | 0)
    if (now - said < PROGRESS_MS || page >= pages) continue
    said = now
    const left = ((now - started) / page) * (pages - page)
    options.notice(
      `copying columns of ${table}: ${Math.floor((page / pages) * 100)}%, about ${formatDuration(left)} left`,
    )
  }
}

/** The triggers of the application do not run, if this role may turn them off. */
const SETTINGS = `select set_config('${FILLS}', 'on', true), set_config('synchronous_commit', 'off', true),
  case when has_parameter_privilege('session_replication_role', 'set')
    then set_config('session_replication_role', 'replica', true) end`

/** The same for psql. */
export function fillScript(preparation: Preparation): string {
  const range = `ctid >= format('(%s,0)', page)::tid and ctid < format('(%s,0)', page + ${FIRST_PAGES})::tid`
  return `do $$
declare
  pages bigint := pg_relation_size('${preparation.table}') / current_setting('block_size')::bigint;
  page  bigint := 0;
begin
  while page < pages loop
    perform ${SETTINGS.slice('select '.length)};
    ${fillStatement(preparation, range)};
    commit;
    page := page + ${FIRST_PAGES};
  end loop;
end $$`
}
