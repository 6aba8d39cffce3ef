/** A path below /api/v1, and the command of wfstore that answers it. */
export interface ApiEndpoint {
  /** An action changes the database. */
  kind: 'read' | 'action'
  method: 'GET' | 'POST'
  /** Such as '/executions/:id'. The value of `:id` is the argument of the command. */
  path: string
  /** Such as ['executions', 'list']. */
  command: readonly string[]
  /** Flags that are always given. */
  fixed?: readonly string[]
  /** Flags that are no parameters here: those that are fixed, or that this use of the command does not support. */
  without?: readonly string[]
  /** The formats in which it answers (default: FORMATS). */
  formats?: readonly AnswerFormat[]
  /** What it answers, if that differs from the summary of the command. */
  summary?: string
  /** The name of its objects in /openapi.json. */
  schema: string
}

export type AnswerFormat = 'json' | 'jsonl' | 'csv' | 'tsv' | 'html'

export const FORMATS: readonly AnswerFormat[] = ['json', 'jsonl', 'csv', 'tsv']

const read = (
  path: string,
  command: readonly string[],
  schema: string,
  rest: Partial<ApiEndpoint> = {},
): ApiEndpoint => ({ kind: 'read', method: 'GET', path, command, schema, ...rest })

/** It confirms itself; its answer is the result, and the server has no files. */
const NOT_OF_ACTIONS = ['yes', 'quiet', 'archive', 'format']

/** The values of path variables other than ':id' are flags: ':period' is --period. */
const action = (path: string, command: readonly string[], schema: string): ApiEndpoint => ({
  ...{ kind: 'action', method: 'POST', path, command, schema },
  ...{
    fixed: ['--yes'],
    without: [...NOT_OF_ACTIONS, ...(path.includes(':period') ? ['period'] : [])],
  },
  formats: ['json'],
})

/** Of removed runs only totals exist, so reports do not support these filters. */
const LIVE_ONLY = ['tool', 'execution']

/** Paths without a variable are before those with one. */
export const ENDPOINTS: readonly ApiEndpoint[] = [
  read('/executions', ['executions', 'list'], 'Execution'),
  read('/executions/running', ['executions', 'running'], 'RunningExecution'),
  read('/executions/:id', ['executions', 'show'], 'ExecutionWithSteps'),
  read('/audit', ['audit'], 'AuditEntry'),
  read('/audit/:id', ['audit', 'show'], 'AuditEntry'),
  read('/errors', ['errors'], 'Failure', { without: ['group'] }),
  read('/errors/groups', ['errors'], 'FailureGroup', {
    summary: 'Count errors that differ only in ids and numbers',
    fixed: ['--group'],
    without: ['group', 'page', 'cursor'],
  }),
  read('/tools', ['tools'], 'ToolUse'),
  read('/stats', ['stats'], 'Stats', { without: LIVE_ONLY }),
  read('/cost', ['cost'], 'CostRow', { without: LIVE_ONLY }),
  read('/billing', ['billing', 'report'], 'BillingSum', {
    summary: 'Show the bills of a period by user or other keys',
    without: ['reconcile', 'provider'],
  }),
  read('/billing/reconcile', ['billing', 'report'], 'BillDifference', {
    summary: 'List bills that differ from runs',
    fixed: ['--reconcile'],
    without: ['reconcile', 'provider', 'by'],
  }),
  read('/billing/records', ['billing', 'records'], 'Bill'),
  read('/billing/records/:id/lines', ['billing', 'lines'], 'BillLine', {
    summary: 'List the lines of a bill: model, meter and price',
  }),
  read('/billing/lines', ['billing', 'lines'], 'BillLine'),
  read('/billing/periods', ['billing', 'periods'], 'BillingPeriod'),
  read('/metrics', ['metrics', 'list'], 'Metric'),
  read('/metrics/current', ['metrics', 'current'], 'Metric', {
    summary: 'List the newest value of each metric',
  }),
  read('/cleanups', ['cleanup', 'history'], 'Cleanup'),
  read('/prices', ['prices', 'list'], 'Price'),
  read('/prices/check', ['prices', 'check'], 'PriceFinding'),
  read('/traces/check', ['ingest', 'check'], 'TraceFinding'),
  read('/settings', ['settings'], 'Setting'),
  read('/doctor', ['doctor'], 'DoctorFinding'),
  read('/report', ['report'], 'Report', {
    summary: 'Create a report of cost, runs, errors and bills',
    without: LIVE_ONLY,
    formats: ['json', 'html'],
  }),
  action('/executions/:id/cancel', ['executions', 'cancel'], 'ClosedExecution'),
  action('/executions/fail', ['executions', 'fail'], 'ClosedExecution'),
  action('/billing/pay', ['billing', 'pay'], 'Payment'),
  action('/billing/periods/:period/close', ['billing', 'close'], 'ClosedPeriod'),
  action('/billing/records/:id/correct', ['billing', 'correct'], 'Correction'),
  action('/cleanup', ['cleanup'], 'CleanupResult'),
]
