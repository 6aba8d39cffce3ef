import type { Command } from 'commander'
import { WfstoreError } from '../../../error.ts'
import { plural } from '../../../numbers.ts'
import { idRange } from '../../../queries/executions/executions.ts'
import type { ClosedExecution, CloseOptions, CloseResult } from '../../../record/recorder/close.ts'
import type { Context } from '../../context.ts'
import { explain } from '../../help/page.ts'
import type { GlobalOptions } from '../../options/global.ts'
import { parseSpan, type Span } from '../../options/span.ts'
import { parseText } from '../../options/text.ts'
import { selectColumns } from '../../output/column.ts'
import type { Writer } from '../../output/writer.ts'
import { closedColumns } from './columns.ts'

interface CloseFlags extends GlobalOptions {
  reason?: string
  dryRun?: boolean
  yes?: boolean
}

interface FailFlags extends CloseFlags {
  olderThan: Span
  user?: string
  workflow?: string
  mode?: string
  model?: string
}

export function define(executions: Command, context: Context): void {
  const cancel = executions
    .command('cancel')
    .argument('<ids...>', 'ids of the runs, or their first 8 or more characters')
    .summary('closes runs as cancelled')
    .description('Closes runs as cancelled, and bills what they have cost.')
  addCloseOptions(
    cancel,
    '1 where a run has finished otherwise, 6 where there is none; the others are cancelled.',
    'wfstore executions cancel 0193f1c2-7a5e --reason "started twice"',
  ).action((ids: string[]) => runCancel(context, cancel.optsWithGlobals<CloseFlags>(), ids))

  const fail = executions
    .command('fail')
    .summary('closes runs whose engine has died as failed')
    .description('Closes as failed the runs whose engine has died, and bills what they have cost.')
    .requiredOption(
      '--older-than <span>',
      'silent for so long, whenever they started: 10m, 6h, 2d',
      parseSpan,
    )
    .option('--user <id>', 'of this user', parseText)
    .option('--mode <name>', 'of this mode', parseText)
    .option('--model <id>', 'on this model', parseText)
    .option('--workflow <name>', 'of this workflow', parseText)
  addCloseOptions(
    fail,
    '0, whether there was a run to close or none.',
    'wfstore executions fail --older-than 6h --dry-run',
    'wfstore executions fail --older-than 6h --reason "engine died" --yes',
  ).action(() => runFail(context, fail.optsWithGlobals<FailFlags>()))
}

function addCloseOptions(command: Command, exit: string, ...examples: string[]): Command {
  const about = 'The audit says who has done it. Without a terminal it does not ask.'
  return explain(command, { about, exit, examples })
    .option('--reason <text>', 'error message of the runs', parseText)
    .option('--dry-run', 'list the runs that would be closed, and change nothing')
    .option('-y, --yes', 'do not ask on a terminal')
}

async function runCancel(context: Context, options: CloseFlags, ids: string[]): Promise<void> {
  ids.forEach(idRange)
  selectColumns(closedColumns, options.columns)
  const writer = context.writer(options)
  const store = await context.store(options)
  const settings = closeOptions(context, options, 'executions cancel', 'Cancel')
  const result = await store.executions.cancel(ids, settings)
  const cancelled = result.left.filter(({ status }) => status === 'cancelled')
  for (const { executionId } of cancelled) writer.note(`${executionId} is cancelled already`)
  await print(writer, result, 'nothing to cancel')
  const finished = result.left.filter(({ status }) => status !== 'cancelled')
  if (finished.length === 0) return
  const named = finished.map(({ executionId, status }) => `${executionId} (${status})`)
  throw new WfstoreError('conflict', `finished already: ${named.join(', ')}`, {
    hint: 'a run that has finished stays as it is',
  })
}

async function runFail(context: Context, options: FailFlags): Promise<void> {
  selectColumns(closedColumns, options.columns)
  const writer = context.writer(options)
  const store = await context.store(options)
  const result = await store.executions.failStale({
    ...closeOptions(context, options, 'executions fail', 'Fail'),
    olderThanMs: options.olderThan.ms,
    userId: options.user,
    workflowName: options.workflow,
    mode: options.mode,
    modelId: options.model,
  })
  for (const { executionId, status } of result.left) {
    const why = status === 'running' ? 'goes on' : `has finished: ${status}`
    writer.note(`${executionId} ${why}`)
  }
  await print(writer, result, `nothing has been silent for ${options.olderThan.text}`)
}

function closeOptions(
  context: Context,
  { reason, dryRun, yes }: CloseFlags,
  command: string,
  verb: string,
): CloseOptions {
  return {
    reason,
    dryRun,
    closedBy: { osUser: context.env.USER || context.env.LOGNAME, command },
    confirm: (runs) => context.confirm(`${verb} ${counted(runs)}?`, { yes, unattended: 'proceed' }),
  }
}

function counted(runs: readonly ClosedExecution[]): string {
  const users = new Set(runs.map(({ userId }) => userId)).size
  return `${plural(runs.length, 'run')} of ${plural(users, 'user')}`
}

async function print(writer: Writer, { closed }: CloseResult, empty: string): Promise<void> {
  await writer.list(closedColumns, closed, { empty })
}
