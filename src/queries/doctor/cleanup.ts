import type { Queryable } from '../../db/query/connection.ts'
import * as d from '../../db/query/decode.ts'
import { query } from '../../db/query/query.ts'
import { sql } from '../../db/query/sql.ts'
import { formatDuration, formatNumber, plural } from '../../numbers.ts'
import { shellWord } from '../../shell-word.ts'
import { outcomeOf } from '../cleanups.ts'
import { type DoctorFinding, finding } from './finding.ts'
import type { Subject } from './subject.ts'

/** The count stops here; the text then says "more than". */
const COUNTED = 10_000
const OLD_DAYS = 90
/** Each archive is a subfolder of the folder that --archive names. */
const FOLDER = /[/\\]\d{8}T\d{6}Z-[0-9a-f]{8}$/
/** The usual interval is the median over this number of complete cleanups; it needs at least 3. */
const REMEMBERED = 10
const FEWEST = 3
/** A cleanup is overdue after twice the usual interval, which counts as at least one hour. */
const OVERDUE = 2
const LEAST_GAP_MS = 3_600_000

/** Checks when the last cleanup ran, how it ended, whether the next is overdue, and what there is to remove. */
export async function inspectCleanup(
  database: Queryable,
  subject: Subject,
): Promise<DoctorFinding> {
  const [stock] = await query(database, STOCK, stockShape)
  const [last] = await query(database, LAST, lastShape)
  const [rhythm] = await query(database, RHYTHM, rhythmShape)
  const { removedRuns = 0, removedEntries = 0, oldest = null, old = 0 } = stock ?? {}
  const left =
    oldest === null
      ? 'there are no finished runs'
      : `the oldest finished run ended on ${oldest.slice(0, 10)}; ${
          old > COUNTED ? `more than ${formatNumber(COUNTED)} runs` : plural(old, 'run')
        } ended more than ${OLD_DAYS} days ago`
  const usual = rhythm && rhythm.finished >= FEWEST ? rhythm.usualGapMs : null
  const silent = rhythm?.sinceDoneMs ?? null
  const overdue =
    usual !== null && silent !== null && silent > OVERDUE * Math.max(usual, LEAST_GAP_MS)
  const troubled = last !== undefined && !['done', 'running'].includes(last.outcome)
  const details = {
    removedRuns,
    removedAuditEntries: removedEntries,
    oldestEnded: oldest,
    endedLongAgo: Math.min(old, COUNTED),
    endedLongAgoIsMore: old > COUNTED,
    last: last ?? null,
    usualGapMs: usual,
    sinceDoneMs: silent,
  }
  const so = `cleanup has removed ${plural(removedRuns, 'run')} and ${formatNumber(removedEntries)} audit entries`
  const none =
    last && last.runs + last.entries > 0
      ? 'everything that cleanup removed has been restored'
      : 'cleanup has removed nothing'
  const texts = [
    ...(last ? [lastText(last)] : []),
    ...(overdue ? [overdueText(silent, usual)] : []),
    removedRuns + removedEntries > 0 ? so : none,
    left,
  ]
  return finding('cleanup', troubled || overdue ? 'warning' : 'ok', texts.join('; '), {
    fix: troubled || overdue ? subject.command(again(last)) : null,
    details,
  })
}

const overdueText = (silent: number, usual: number) =>
  `overdue: the last complete cleanup started ${formatDuration(silent)} ago, the usual interval is ${formatDuration(usual)}`

const WORDS: Record<string, string> = {
  done: 'removed',
  running: 'is running and has removed',
  stopped: 'was stopped after it removed',
  failed: 'failed after it removed',
  interrupted: 'was killed after it removed',
}

function lastText({ outcome, agoMs, runs, steps, entries, metrics, error }: Last): string {
  const rows = `${plural(runs, 'run')}, ${plural(steps, 'step')}, ${formatNumber(entries)} audit entries and ${plural(metrics, 'metric')}`
  const why = error === null ? '' : ` (${error})`
  return `the last cleanup, started ${formatDuration(agoMs)} ago, ${WORDS[outcome] ?? outcome} ${rows}${why}`
}

/** The command line of the last cleanup, with the options that decide what it removes. */
function again(last: Last | undefined): string {
  if (!last) return 'cleanup --days 90'
  const days = Math.max(1, Math.round(last.reachMs / 86_400_000))
  const keep = last.keepLast === null ? '' : ` --keep-last ${last.keepLast}`
  const archive =
    last.archive === null
      ? ''
      : last.archive === '-'
        ? ' --archive - > archive.jsonl'
        : ` --archive ${shellWord(last.archive.replace(FOLDER, ''))}`
  return `cleanup --days ${days}${keep}${archive}`
}

const STOCK = sql`
  select (select coalesce(sum(runs), 0) from usage_history) as removed_runs,
         (select coalesce(sum(entries), 0) from audit_history) as removed_entries,
         (select to_json(end_time) #>> '{}' from workflow_executions
          where status <> 'running' and end_time is not null order by start_time, execution_id limit 1) as oldest,
         (select count(*) from (
            select 1 from workflow_executions
            where start_time < now() - ${OLD_DAYS} * interval '1 day' and end_time < now() - ${OLD_DAYS} * interval '1 day'
              and status <> 'running'
            limit ${COUNTED + 1}) o) as old`

const stockShape = {
  removedRuns: d.count(),
  removedEntries: d.count(),
  oldest: d.nullable(d.time()),
  old: d.count(),
}

const lastShape = {
  startedAt: d.time('c.started_at'),
  agoMs: d.number('extract(epoch from now() - c.started_at) * 1000'),
  /** From its cutoff to its start. */
  reachMs: d.number('extract(epoch from c.started_at - c.cutoff) * 1000'),
  outcome: d.text(outcomeOf('c')),
  keepLast: d.nullable(d.count()),
  archive: d.nullable(d.text()),
  runs: d.count('c.executions_removed'),
  steps: d.count('c.steps_removed'),
  entries: d.count('c.audit_removed'),
  metrics: d.count('c.metrics_removed'),
  error: d.nullable(d.text('c.error_message')),
}
type Last = d.RowOf<typeof lastShape>

const LAST = `
  select ${d.selectList(lastShape, 'c')} from wfstore_cleanups c order by c.started_at desc, c.cleanup_id desc limit 1`

const rhythmShape = {
  finished: d.count(),
  usualGapMs: d.nullable(d.number()),
  sinceDoneMs: d.nullable(d.number()),
}

/** The median: one long pause or two cleanups in a row do not change it. */
const RHYTHM = sql`
  select count(*) as finished,
         percentile_cont(0.5) within group (order by gap) as usual_gap_ms,
         extract(epoch from now() - max(started_at)) * 1000 as since_done_ms
  from (
    select started_at, extract(epoch from started_at - lag(started_at) over (order by started_at)) * 1000 as gap
    from (select started_at from wfstore_cleanups where outcome = 'done' order by started_at desc limit ${REMEMBERED}) newest
  ) gaps`
