import type { Command } from 'commander'
import { instantOfCursor } from '../../queries/table/cursor.ts'
import {
  checkBounds,
  type ExecutionFilter,
  type OneOrMore,
  type TimeBound,
} from '../../queries/table/filter.ts'
import { EXECUTION_STATUSES, type ExecutionStatus } from '../../tables/executions.ts'
import type { Context } from '../context.ts'
import type { GlobalOptions } from './global.ts'
import { type TagOption, tagOption, tagsOf } from './tag.ts'
import { readTime, type TimeText } from './time.ts'
import { listOf, listOfIds, listOfValues, oneOrMore } from './values.ts'

/** The filters of every list, as given on the command line. */
export interface FilterOptions extends GlobalOptions {
  user?: string[]
  status?: ExecutionStatus[]
  mode?: string[]
  model?: string[]
  workflow?: string[]
  tool?: string[]
  execution?: string[]
  tag?: TagOption[]
  session?: string[]
  parent?: string[]
  since?: string
  until?: string
}

/** Adds the shared filters to a command. `status` adds --status, for rows that have one. */
export function addFilters(
  command: Command,
  { status, tool = 'only runs with a step that used the tool' }: { status: boolean; tool?: string },
): Command {
  addRunFilters(command)
  if (status) {
    command.option(
      '--status <names>',
      `any of: ${EXECUTION_STATUSES.join(',')}`,
      listOf(EXECUTION_STATUSES),
    )
  }
  return command
    .option('--tool <names>', tool, listOfValues())
    .option('--execution <ids>', 'only these runs', listOfIds('execution'))
    .option('--since <time>', 'start time: 24h, 7d, today, 2026-11-01, RFC 3339')
    .option('--until <time>', 'started before this time')
}

/** Adds the filters by the conversation of a run and by the run that started it. */
export const addFamilyFilters = (command: Command): Command =>
  command
    .option('--session <ids>', 'runs of a conversation; runs that a run started', listOfValues())
    .option('--parent <id>', 'runs that a run started', listOfIds('execution'))

/** Adds the filters by the properties of a run. */
export const addRunFilters = (command: Command): Command =>
  command
    .option('--user <ids>', 'filter by user', listOfValues())
    .option('--mode <names>', 'filter by mode (part of the application), by model', listOfValues())
    .option('--model <ids>', 'filter by model', listOfValues())
    .option('--workflow <names>', 'filter by workflow', listOfValues())
    .option(...tagOption)

/**
 * On a later page, a time such as 24h counts from the same instant as on the first page.
 * @throws WfstoreError usage if a time is invalid, or --since is not before --until
 */
export async function readFilter(
  options: FilterOptions & { cursor?: string },
  context: Context,
): Promise<ExecutionFilter> {
  const { tz = 'UTC', cursor } = options
  const read = (flag: string, text: string | undefined) =>
    text === undefined ? undefined : readTime(flag, text, tz)
  // Both are checked before a connection is made.
  const [since, until] = [
    await read('--since', options.since),
    await read('--until', options.until),
  ]
  const first = cursor === undefined ? undefined : instantOfCursor(cursor)
  const filter = {
    userId: oneOrMore(options.user),
    status: options.status,
    mode: oneOrMore(options.mode),
    modelId: oneOrMore(options.model),
    workflowName: oneOrMore(options.workflow),
    toolName: oneOrMore(options.tool),
    executionId: oneOrMore(options.execution),
    tags: tagsOf(options.tag),
    sessionId: oneOrMore(options.session),
    parentExecutionId: oneOrMore(options.parent),
    since: since && (await boundOf(since, context, options, first)),
    until: until && (await boundOf(until, context, options, first)),
  }
  checkBounds(filter)
  return filter
}

/**
 * The filter with the whole ids of the runs of --execution and --parent.
 * @param find finds them in the database @throws WfstoreError usage for an id that matches several runs, not_found
 */
export async function withWholeIds<F extends IdFilter>(
  filter: F,
  find: (ids: readonly string[]) => Promise<string[]>,
): Promise<F> {
  const whole = { ...filter }
  for (const name of ['executionId', 'parentExecutionId'] as const) {
    const ids = filter[name]
    if (ids !== undefined) whole[name] = oneOrMore(await find([ids].flat()))
  }
  return whole
}

interface IdFilter {
  executionId?: OneOrMore | undefined
  parentExecutionId?: OneOrMore | undefined
}

/**
 * The instant. The time of the server is asked only for a text that depends on it, in whole seconds: a cursor keeps them.
 * @param from the time to use instead
 */
export async function boundOf(
  time: TimeText,
  context: Context,
  options: GlobalOptions,
  from?: Date,
): Promise<TimeBound> {
  if (typeof time !== 'function') return time
  const second = async () => Math.floor((await context.now(options)).getTime() / 1000) * 1000
  const countsFrom = from ?? new Date(await second())
  return { ...time(countsFrom), countsFrom }
}
