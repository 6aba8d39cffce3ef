import * as d from '../../db/query/decode.ts'
import type { Run } from '../../db/query/query.ts'
import { serverTime } from '../../db/query/server-time.ts'
import { empty, raw, type Sql, sql } from '../../db/query/sql.ts'
import { WfstoreError } from '../../error.ts'
import { ERROR_STATUSES } from '../../tables/executions.ts'
import { and, type TimeBound, timeBounds } from '../table/filter.ts'
import { countOf } from '../table/validate.ts'
import { usageWhere } from '../usage/filter.ts'
import { type FailureFilter, failureConditions, IS_ERROR, messageOf } from './errors.ts'

const TRENDS = ['new', 'rising', 'steady', 'falling', 'gone'] as const
export type Trend = (typeof TRENDS)[number]

const groupShape = {
  /** 'new', 'rising', 'steady', 'falling' or 'gone'. */
  trend: d.word<Trend>(),
  /** Number of failed and partial runs in the window. */
  runs: d.count(),
  /** Number of failed and partial runs in the previous window, which has the same length. */
  before: d.count(),
  /** Number of failed steps in the runs of the window. */
  stepsFailed: d.count(),
  /** Share of all failed and partial runs in the window, from 0 to 1. */
  share: d.number(),
  /** This and the following fields are of the window; for a group that is gone, of the previous window. */
  firstTime: d.time(),
  lastTime: d.time(),
  /** Number of affected users. */
  users: d.count(),
  /** Number of affected workflows. */
  workflows: d.count(),
  /** Their names, as JSON. */
  workflowNames: d.texts('g.workflow_names'),
  /** The message without the parts that vary between errors. */
  fingerprint: d.text(),
  /** The newest message. */
  example: d.nullable(d.text()),
  /** Id of that run. */
  exampleExecutionId: d.uuid(),
}
/** Failed and partial runs with the same fingerprint. */
export type FailureGroup = d.RowOf<typeof groupShape>

export interface GroupOptions extends FailureFilter {
  /** Maximum number of groups, the largest first (default: 50). */
  limit?: number | undefined
}

export interface FailureGroups<Group = FailureGroup> {
  groups: Group[]
  /** The beginning and the end of the window. */
  since: string
  until: string
  /** Number of groups without the limit. */
  total: number
  /** Number of failed and partial runs in the window, in all groups. */
  runs: number
  /**
   * Number of failed and partial runs in the window that cleanup has removed with their messages, so that they are in no
   * group; null with a filter by tool, model, execution, tag, session or parent, which removed runs may no longer have.
   */
  removedRuns: number | null
}

/** A group with its number of runs over time. */
export interface FailureTrend extends FailureGroup {
  /** The runs in each part of the previous window, then of the window. The parts have the same length. */
  series: number[]
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
 * A group rises if it has at least 1.5 times as many runs as before and at least 3 more; it falls by the same rule. A
 * difference of one or two is normal for rare errors.
 */
const TREND = `case when coalesce(b.runs, 0) = 0 then 'new' when coalesce(n.runs, 0) = 0 then 'gone'
         when n.runs >= b.runs * 1.5 and n.runs >= b.runs + 3 then 'rising'
         when b.runs >= n.runs * 1.5 and b.runs >= n.runs + 3 then 'falling' else 'steady' end`

const WINDOW_MS = 86_400_000

/**
 * Failed and partial runs by fingerprint, the most frequent first, in one statement. The window is from `since` (default: 24
 * hours before its end) to `until` (default: now, by the clock of the server). It is compared with the previous window of the same length.
 * @throws WfstoreError usage for an unknown filter, or if since is not before until
 */
export async function groupFailures(run: Run, options: GroupOptions = {}): Promise<FailureGroups> {
  const { groups, before: _, ...found } = await failureTrends(run, options, 1)
  return { ...found, groups: groups.map(({ series: __, ...group }) => group) }
}

export interface FailureTrends extends FailureGroups<FailureTrend> {
  /** Number of failed and partial runs in the previous window, in all groups. */
  before: number
}

/**
 * The same with the runs over time, in `parts` parts of each window.
 * @param only the fingerprint of one group (default: all)
 * @throws WfstoreError usage
 */
export async function failureTrends(
  run: Run,
  { since, until, limit, ...filter }: GroupOptions,
  parts: number,
  only?: string,
): Promise<FailureTrends> {
  const wanted = countOf('limit', limit === Number.POSITIVE_INFINITY ? undefined : limit, 1)
  const end = timeBounds({ until: until ?? (await serverTime(run)) }).until as TimeBound
  const bounds = timeBounds({
    since: since ?? new Date(Date.parse(end.at) - WINDOW_MS),
    until: end,
  })
  if (!bounds.since) throw new WfstoreError('usage', 'since is missing')
  // In seconds, because for PostgreSQL a day with a clock change is not 24 hours.
  const [from, to] = [sql`${bounds.since.at}::timestamptz`, sql`${end.at}::timestamptz`]
  const seconds = sql`extract(epoch from ${to} - ${from})::float8`
  const most = limit === Number.POSITIVE_INFINITY ? null : (wanted ?? 50)
  const removed = countRemoved({ ...filter, since: bounds.since, until: end })
  const statement = sql`
with failures as materialized (
  select e.start_time as time, e.execution_id as id, e.user_id, e.workflow_name, e.steps_failed, ${raw(messageOf('e'))} as message
  from workflow_executions e
  where ${raw(IS_ERROR)}
    and e.start_time >= ${from} - make_interval(secs => ${seconds}) and e.start_time < ${to}
    ${and(failureConditions(filter))}
), printed as materialized (
  select time, id, user_id, workflow_name, steps_failed, ${raw(fingerprintOf('message'))} as fingerprint from failures
), sides as (
  select fingerprint, time >= ${from} as recent, count(*) as runs,
         sum(steps_failed) as steps_failed, min(time) as first_time, max(time) as last_time, count(distinct user_id) as users,
         array_agg(distinct workflow_name) as workflows, (array_agg(id order by time desc, id desc))[1] as id
  from printed ${only === undefined ? empty : sql`where fingerprint = ${only}::text`} group by 1, 2
), groups as (
  select ${raw(TREND)} as trend, coalesce(n.runs, 0) as runs, coalesce(b.runs, 0) as before,
         coalesce(n.steps_failed, 0) as steps_failed,
         coalesce(n.runs::float8 / nullif(sum(n.runs) over (), 0)::float8, 0) as share,
         -- Of a group that is gone there is only what was.
         coalesce(n.first_time, b.first_time) as first_time, coalesce(n.last_time, b.last_time) as last_time,
         coalesce(n.users, b.users) as users, coalesce(n.workflows, b.workflows) as workflow_names, fingerprint,
         coalesce(n.id, b.id) as example_execution_id, count(*) over () as total, sum(n.runs) over () as all_runs, sum(b.runs) over () as all_before
  from (select * from sides where recent) n
  full join (select * from sides where not recent) b using (fingerprint)
  order by 2 desc, 3 desc, last_time desc, fingerprint
  limit ${most}
), parts as (
  select fingerprint, json_object_agg(part, runs) as series from (
    select fingerprint, greatest(-${parts}::int, least(${parts}::int - 1,
             floor(extract(epoch from time - ${from})::float8 / ${seconds} * ${parts}::int)))::int as part, count(*) as runs
    from printed group by 1, 2) as each_part
  group by 1
)
select ${raw(d.selectList(groupShape, 'g'))}, g.total, coalesce(g.all_runs, 0) as all_runs, coalesce(g.all_before, 0) as all_before, ${removed} as removed_runs, g.series from (
  select g.*, cardinality(g.workflow_names) as workflows, f.message as example, p.series
  from groups g join failures f on f.id = g.example_execution_id join parts p using (fingerprint)) g
order by g.runs desc, g.before desc, g.last_time desc, g.fingerprint`
  const shape = {
    ...groupShape,
    total: d.count(),
    allRuns: d.count(),
    allBefore: d.count(),
    removedRuns: REMOVED,
    series: d.jsonText(),
  }
  const found = await run(statement, shape)
  const [counts] = found
  return {
    groups: found.map(
      ({ total: _, allRuns: __, allBefore: ___, removedRuns: ____, series, ...group }) => ({
        ...group,
        series: seriesOf(JSON.parse(series), parts),
      }),
    ),
    since: bounds.since.at,
    until: end.at,
    total: counts?.total ?? 0,
    runs: counts?.allRuns ?? 0,
    before: counts?.allBefore ?? 0,
    removedRuns: counts ? counts.removedRuns : await readRemoved(run, removed),
  }
}

/** Parts are counted from the beginning of the window: those before it are negative. */
const seriesOf = (counts: Record<string, number>, parts: number): number[] =>
  Array.from({ length: 2 * parts }, (_, place) => counts[String(place - parts)] ?? 0)

const REMOVED = d.nullable(d.count())

/** SQL of the number of removed runs; without a group there is no row that holds it. */
function countRemoved(given: FailureFilter): Sql {
  const { toolName, executionId, modelId, tags, sessionId, parentExecutionId, ...filter } = given
  const ofKept = [toolName, executionId, modelId, tags, sessionId, parentExecutionId]
  if (ofKept.some((value) => value !== undefined)) return raw('null::bigint')
  const { on } = usageWhere({ ...filter, status: ERROR_STATUSES })
  return sql`(select coalesce(sum(e.runs), 0) from usage_history e ${on('quarter_start')})`
}

async function readRemoved(run: Run, removed: Sql): Promise<number | null> {
  const [row] = await run(sql`select ${removed} as removed_runs`, { removedRuns: REMOVED })
  return row?.removedRuns ?? null
}
