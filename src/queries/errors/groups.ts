import * as d from '../../db/query/decode.ts'
import type { Run } from '../../db/query/query.ts'
import { raw, sql } from '../../db/query/sql.ts'
import { WfstoreError } from '../../error.ts'
import { and, timeBounds } from '../table/filter.ts'
import { countOf } from '../table/validate.ts'
import { ALL_FAILURES, type FailureFilter, failureConditions } from './errors.ts'

export const TRENDS = ['new', 'rising', 'steady', 'falling', 'gone'] as const
export type Trend = (typeof TRENDS)[number]

const groupShape = {
  /** 'new', 'rising', 'steady', 'falling' or 'gone'. */
  trend: d.text(),
  /** Number of failures in the window: entries and runs. */
  count: d.count(),
  /** Number of failures in the previous window, which has the same length. */
  before: d.count(),
  /** Share of all failures in the window, from 0 to 1. */
  share: d.number(),
  /** Number of failed audit entries in the window. */
  entries: d.count(),
  /** Number of failed and partial runs in the window. */
  runs: d.count(),
  /** This and the following fields are of the window; for a group that is gone, of the previous window. */
  firstTime: d.time(),
  lastTime: d.time(),
  /** Number of affected users. */
  users: d.count(),
  /** Number of affected workflows, without removed runs. */
  workflows: d.count(),
  /** Their names, as JSON. */
  workflowNames: d.json('to_json(g.workflow_names)'),
  /** The message without the parts that vary between failures. */
  fingerprint: d.text(),
  /** The newest message. */
  example: d.nullable(d.text()),
  /** Id of that audit entry or run. */
  exampleId: d.uuid(),
  /** 'entry' or 'run'. */
  exampleKind: d.text(),
  exampleExecutionId: d.nullable(d.uuid()),
}
/** Failures with the same fingerprint. */
export type FailureGroup = d.RowOf<typeof groupShape>

export interface GroupOptions extends FailureFilter {
  /** Maximum number of groups, the largest first (default: 50). */
  limit?: number | undefined
}

export interface FailureGroups {
  groups: FailureGroup[]
  /** Number of groups without the limit. */
  total: number
}

/** The number of characters of a message that are read, so that a very long message costs no more. */
const READ = 2000
const KEPT = 200

const NUMBER = '[0-9]+(?:[.,:][0-9]+)*'
const UNIT =
  '(?:%|[µun]?s|ms|secs?|seconds?|m|mins?|minutes?|h|hours?|d|days?|[kKMGT]?i?B|bytes?|tokens)'

/**
 * The parts of a message that vary, with their replacements, in this order. In regular expressions of PostgreSQL \m and \M
 * are the beginning and the end of a word.
 */
const TAKEN_OUT: [pattern: string, instead: string][] = [
  // An apostrophe inside a word is not a quote.
  [
    `"(?:[^"\\\\]|\\\\.)*"|(?<!\\w)'(?:[^']|'(?=\\w))*'(?!\\w)|\`[^\`]*\`|[“„][^“”]*[“”]|«[^»]*»|「[^」]*」`,
    '<quoted>',
  ],
  ['[[:alnum:]._%+-]+@[[:alnum:]-]+(?:\\.[[:alnum:]-]+)+', '<email>'],
  ['\\m[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}\\M', '<id>'],
  [
    '\\m[0-9]{4}-[0-9]{2}-[0-9]{2}(?:[T ][0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:[.,][0-9]+)?)?(?:Z|[+-][0-9]{2}:?[0-9]{2})?)?\\M',
    '<time>',
  ],
  // With the unit, so that 800 ms, 1.2 s and 1m 30s are the same.
  [`\\m${NUMBER}\\s?${UNIT}(?:\\s?${NUMBER}\\s?${UNIT})*(?!\\w)`, '<n>'],
  // Hexadecimal of 8 or more characters with a digit, and words with letters between digits.
  [
    '(?<![[:alnum:]])(?:0x[0-9a-fA-F]+|(?=[a-fA-F]*[0-9])[0-9a-fA-F]{8,}|[[:alnum:]]*[0-9][[:alpha:]]+[0-9][[:alnum:]]*)(?![[:alnum:]])',
    '<id>',
  ],
  [NUMBER, '<n>'],
]

/** SQL of the fingerprint of a message. Without words it is empty. */
export function fingerprintOf(message: string): string {
  const line = `split_part(ltrim(left(coalesce(${message}, ''), ${READ}), E' \\t\\r\\n'), E'\\n', 1)`
  const bare = TAKEN_OUT.reduce(
    (text, [pattern, instead]) =>
      `regexp_replace(${text}, ${literal(pattern)}, ${literal(instead)}, 'g')`,
    line,
  )
  return `left(btrim(regexp_replace(${bare}, '\\s+', ' ', 'g')), ${KEPT})`
}

const literal = (text: string) => `'${text.replaceAll("'", "''")}'`

/**
 * A group rises if it has at least 1.5 times as many failures as before and at least 3 more; it falls by the same rule. A
 * difference of one or two is normal for rare failures.
 */
const TREND = `case when coalesce(b.failures, 0) = 0 then 'new' when coalesce(n.failures, 0) = 0 then 'gone'
         when n.failures >= b.failures * 1.5 and n.failures >= b.failures + 3 then 'rising'
         when b.failures >= n.failures * 1.5 and b.failures >= n.failures + 3 then 'falling' else 'steady' end`

const WINDOW_MS = 86_400_000

/**
 * Failures by fingerprint, the most frequent first, in one statement. The window is from `since` (default: 24 hours before
 * its end) to `until` (default: now). It is compared with the previous window of the same length.
 * @throws WfstoreError usage for an unknown filter, or if since is not before until
 */
export async function groupFailures(
  run: Run,
  { since, until = new Date(), limit, ...filter }: GroupOptions = {},
): Promise<FailureGroups> {
  const wanted = countOf('limit', limit === Number.POSITIVE_INFINITY ? undefined : limit, 1)
  const end = timeBounds({ until }).until as { at: string }
  const begin = since ?? new Date(Date.parse(end.at) - WINDOW_MS)
  const bounds = timeBounds({ since: begin, until })
  if (!bounds.since) throw new WfstoreError('usage', 'since is missing')
  // In seconds, because for PostgreSQL a day with a clock change is not 24 hours.
  const [from, to] = [sql`${bounds.since.at}::timestamptz`, sql`${end.at}::timestamptz`]
  const most = limit === Number.POSITIVE_INFINITY ? null : (wanted ?? 50)
  const statement = sql`
with failures as materialized (
  select f.kind, f.time, f.id, f.execution_id, f.user_id, f.message, coalesce(f.workflow_name, w.workflow_name) as workflow,
         f.time >= ${from} as recent, ${raw(fingerprintOf('f.message'))} as fingerprint
  from ${raw(ALL_FAILURES)} f
  left join workflow_executions w on f.kind = 'entry' and w.execution_id = f.execution_id
  where f.time >= ${from} - make_interval(secs => extract(epoch from ${to} - ${from})::float8) and f.time < ${to} ${and(failureConditions(filter))}
), sides as (
  select fingerprint, recent, count(*) as failures, count(*) filter (where kind = 'entry') as entries,
         count(*) filter (where kind = 'run') as runs, min(time) as first_time, max(time) as last_time,
         count(distinct user_id) as users,
         coalesce(array_agg(distinct workflow) filter (where workflow is not null), '{}') as workflows,
         (array_agg(id order by time desc, id desc, kind))[1] as id,
         (array_agg(kind order by time desc, id desc, kind))[1] as kind
  from failures group by fingerprint, recent
), groups as (
  select ${raw(TREND)} as trend, coalesce(n.failures, 0) as count, coalesce(b.failures, 0) as before,
         coalesce(n.failures::float8 / nullif(sum(n.failures) over (), 0)::float8, 0) as share,
         coalesce(n.entries, 0) as entries, coalesce(n.runs, 0) as runs,
         -- Of a group that is gone there is only what was.
         coalesce(n.first_time, b.first_time) as first_time, coalesce(n.last_time, b.last_time) as last_time,
         coalesce(n.users, b.users) as users, coalesce(n.workflows, b.workflows) as workflow_names, fingerprint,
         coalesce(n.id, b.id) as example_id, coalesce(n.kind, b.kind) as example_kind, count(*) over () as total
  from (select * from sides where recent) n
  full join (select * from sides where not recent) b using (fingerprint)
  order by 2 desc, 3 desc, last_time desc, fingerprint
  limit ${most}
)
select ${raw(d.selectList(groupShape, 'g'))}, g.total from (
  select g.*, cardinality(g.workflow_names) as workflows, x.message as example, x.execution_id as example_execution_id
  from groups g join failures x on x.id = g.example_id and x.kind = g.example_kind) g
order by g.count desc, g.before desc, g.last_time desc, g.fingerprint`
  const found = await run(statement, { ...groupShape, total: d.count() })
  return {
    groups: found.map(({ total: _, ...group }) => group),
    total: found[0]?.total ?? 0,
  }
}
