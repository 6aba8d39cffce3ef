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
  /** What it answers, if that differs from the command. */
  summary?: string
  /** 'rows': a list. 'record': one object. 'both': an object for one id, a list for several. */
  answers: 'rows' | 'record'
}

export type AnswerFormat = 'json' | 'jsonl' | 'csv' | 'tsv' | 'html'

export const FORMATS: readonly AnswerFormat[] = ['json', 'jsonl', 'csv', 'tsv']

const read = (
  path: string,
  command: readonly string[],
  answers: ApiEndpoint['answers'] = 'rows',
  rest: Partial<ApiEndpoint> = {},
): ApiEndpoint => ({ kind: 'read', method: 'GET', path, command, answers, ...rest })

/** It confirms itself; its answer is the result, and the server has no files. */
const NOT_OF_ACTIONS = ['yes', 'quiet', 'archive']

/** The values of path variables other than ':id' are flags: ':period' is --period. */
const action = (
  path: string,
  command: readonly string[],
  answers: ApiEndpoint['answers'] = 'record',
): ApiEndpoint => ({
  ...{ kind: 'action', method: 'POST', path, command, answers },
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
  read('/executions', ['executions', 'list']),
  read('/executions/running', ['executions', 'running']),
  read('/executions/:id', ['executions', 'show'], 'record'),
  read('/audit', ['audit']),
  read('/audit/:id', ['audit', 'show'], 'record'),
  read('/errors', ['errors'], 'rows', { without: ['group'] }),
  read('/errors/groups', ['errors'], 'rows', {
    summary: 'Count errors that differ only in ids and numbers',
    fixed: ['--group'],
    without: ['group', 'page', 'cursor'],
  }),
  read('/tools', ['tools']),
  read('/stats', ['stats'], 'record', { without: LIVE_ONLY }),
  read('/cost', ['cost'], 'rows', { without: LIVE_ONLY }),
  read('/billing', ['billing', 'report'], 'rows', {
    summary: 'Show the bills of a period by user or other keys',
    without: ['reconcile', 'provider'],
  }),
  read('/billing/reconcile', ['billing', 'report'], 'rows', {
    summary: 'List bills that differ from runs',
    fixed: ['--reconcile'],
    without: ['reconcile', 'provider', 'by'],
  }),
  read('/billing/records', ['billing', 'records']),
  read('/billing/records/:id/lines', ['billing', 'lines'], 'rows', {
    summary: 'List the lines of a bill: model, meter and price',
  }),
  read('/billing/lines', ['billing', 'lines']),
  read('/billing/periods', ['billing', 'periods']),
  read('/metrics', ['metrics', 'list']),
  read('/metrics/current', ['metrics', 'current']),
  read('/cleanups', ['cleanup', 'history']),
  read('/prices', ['prices', 'list']),
  read('/prices/check', ['prices', 'check']),
  read('/traces/check', ['ingest', 'check']),
  read('/settings', ['settings']),
  read('/doctor', ['doctor']),
  read('/report', ['report'], 'record', { without: LIVE_ONLY, formats: ['json', 'html'] }),
  action('/executions/:id/cancel', ['executions', 'cancel'], 'rows'),
  action('/executions/fail', ['executions', 'fail'], 'rows'),
  action('/billing/pay', ['billing', 'pay']),
  action('/billing/periods/:period/close', ['billing', 'close']),
  action('/billing/records/:id/correct', ['billing', 'correct']),
  action('/cleanup', ['cleanup']),
]
