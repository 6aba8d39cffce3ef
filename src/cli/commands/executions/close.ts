import type { Command } from 'commander'
import { WfstoreError } from '../../../error.ts'
import { plural } from '../../../numbers.ts'
import { rangeOf } from '../../../queries/ids.ts'
import type { ClosedExecution, CloseOptions, CloseResult } from '../../../record/recorder/close.ts'
import type { Context } from '../../context.ts'
import { explain } from '../../help/page.ts'
import { addRunFilters } from '../../options/filter.ts'
import type { GlobalOptions } from '../../options/global.ts'
import { checkOutput } from '../../options/output.ts'
import { type Duration, parseSpan } from '../../options/span.ts'
import { type TagOption, tagsOf } from '../../options/tag.ts'
import { parseText } from '../../options/values.ts'
import { prints } from '../../output/printed.ts'
import type { Writer } from '../../output/writer.ts'
import { isAttended } from '../../terminal/confirm.ts'
import { closedColumns } from './columns.ts'

interface CloseFlags extends GlobalOptions {
  reason?: string
  dryRun?: boolean
  yes?: boolean
}

interface FailFlags extends CloseFlags {
  olderThan: Duration
  user?: string[]
  workflow?: string[]
  mode?: string[]
  model?: string[]
  tag?: TagOption[]
}

export function define(executions: Command, context: Context): void {
  const cancel = executions
    .command('cancel')
    .argument('<id...>', 'id of a run, or at least its first 8 characters')
    .summary('Cancel runs')
    .description('Cancel runs and bill their cost.')
  addCloseOptions(
    cancel,
    '1 if a run has finished already (the others are cancelled), 6 if a run is not found (no run is cancelled).',
    'wfstore executions cancel 0193f1c2-7a5e --reason "started twice"',
  ).action((ids: string[]) => runCancel(context, cancel.optsWithGlobals<CloseFlags>(), ids))

  const fail = executions
    .command('fail')
    .summary('Mark stuck runs as failed')
    .description('Mark stuck runs, whose engine has died, as failed and bill their cost.')
    .requiredOption(
      '--older-than <duration>',
      'only runs without a write for this long: 10m, 6h, 2d',
      parseSpan,
    )
  addRunFilters(fail)
  addCloseOptions(
    fail,
    '0 also if there is no such run.',
    'wfstore executions fail --older-than 6h --dry-run',
    'wfstore executions fail --older-than 6h --reason "engine died" --yes',
  ).action(() => runFail(context, fail.optsWithGlobals<FailFlags>()))
}

function addCloseOptions(command: Command, exit: string, ...examples: string[]): Command {
  const about =
    'An audit entry records who closed the run. Without a terminal there is no confirmation prompt.'
  return explain(prints(command, 'rows', closedColumns), { about, exit, examples })
    .option('--reason <text>', 'error message of the closed runs', parseText)
    .option('--dry-run', 'list the runs that would be closed; change nothing')
    .option('-y, --yes', 'skip the confirmation prompt')
}

async function runCancel(context: Context, options: CloseFlags, ids: string[]): Promise<void> {
  for (const id of ids) rangeOf('execution', id)
  checkOutput(closedColumns, options)
  const writer = context.writer(options)
  const store = await context.store(options)
  const settings = closeOptions(context, options, 'executions cancel', 'Cancel')
  const result = await store.executions.cancel(ids, settings)
  const cancelled = result.left.filter(({ status }) => status === 'cancelled')
  for (const { executionId } of cancelled) writer.note(`${executionId} is already cancelled`)
  await print(writer, result, 'no runs to cancel')
  assertClosed(result)
  const finished = result.left.filter(({ status }) => status !== 'cancelled')
  if (finished.length === 0) return
  const named = finished.map(({ executionId, status }) => `${executionId} (${status})`)
  throw new WfstoreError(
    'conflict',
    `${finished.length === 1 ? 'run has' : 'runs have'} already finished: ${named.join(', ')}`,
    {
      hint: 'only running runs can be cancelled',
    },
  )
}

async function runFail(context: Context, options: FailFlags): Promise<void> {
  checkOutput(closedColumns, options)
  const writer = context.writer(options)
  const store = await context.store(options)
  const result = await store.executions.failStuck({
    ...closeOptions(context, options, 'executions fail', 'Fail'),
    olderThanMs: options.olderThan.ms,
    userId: options.user,
    workflowName: options.workflow,
    mode: options.mode,
    modelId: options.model,
    tags: tagsOf(options.tag),
  })
  for (const { executionId, status } of result.left) {
    const why = status === 'running' ? 'is active again' : `has finished: ${status}`
    writer.note(`${executionId} ${why}`)
  }
  await print(writer, result, `no run without a write for ${options.olderThan.text}`)
  assertClosed(result)
}

/** @throws WfstoreError failed if the database refused to close a run; the others are closed */
function assertClosed({ failed }: CloseResult): void {
  if (failed.length === 0) return
  const named = failed.map(({ executionId, message }) => `${executionId} (${message})`)
  throw new WfstoreError(
    'failed',
    `${plural(failed.length, 'run')} not closed: ${named.join(', ')}`,
    {
      hint: 'the other runs are closed; fix what the database reports and try again',
    },
  )
}

function closeOptions(
  context: Context,
  options: CloseFlags,
  command: string,
  verb: string,
): CloseOptions {
  const { reason, dryRun, yes } = options
  const { env, given } = context
  const person = given?.caller ? { caller: given.caller } : { osUser: env.USER || env.LOGNAME }
  return {
    reason,
    dryRun,
    closedBy: { ...person, command },
    confirm: async (runs) => {
      if (!yes && isAttended(context.io)) await preview(context, options, runs)
      await context.confirm(`${verb} ${counted(runs)}?`, { yes, unattended: 'proceed' })
    },
  }
}

/** More are counted only. */
const PREVIEWED = 20

/** Shows the runs on stderr: stdout has the runs that were closed. */
async function preview(
  context: Context,
  options: CloseFlags,
  runs: readonly ClosedExecution[],
): Promise<void> {
  const shown = runs.slice(0, PREVIEWED)
  const { output: _, json: __, columns: ___, ...plain } = options
  const table = await context.frame(plain, (writer) =>
    print(writer, { closed: shown, left: [], failed: [] }, ''),
  )
  const rest = runs.length - shown.length
  context.io.stderr.write(rest > 0 ? `${table}… and ${plural(rest, 'more run')}\n` : table)
}

function counted(runs: readonly ClosedExecution[]): string {
  const users = new Set(runs.map(({ userId }) => userId)).size
  return `${plural(runs.length, 'run')} of ${plural(users, 'user')}`
}

async function print(writer: Writer, { closed }: CloseResult, empty: string): Promise<void> {
  await writer.list(closedColumns, closed, { empty })
}
