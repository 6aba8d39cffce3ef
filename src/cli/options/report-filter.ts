import type { Command } from 'commander'
import type { Run } from '../../db/query/query.ts'
import { WfstoreError } from '../../error.ts'
import { plural } from '../../numbers.ts'
import type { UsageFilter } from '../../queries/usage/filter.ts'
import { unknownNotes, unpricedText } from '../../queries/usage/notes.ts'
import type { HistoryUnknown } from '../../queries/usage/unknown.ts'
import type { Unpriced } from '../../queries/usage/unpriced.ts'
import type { Context } from '../context.ts'
import type { Writer } from '../output/writer.ts'
import { addFilters, type FilterOptions, readFilter } from './filter.ts'
import type { GlobalOptions } from './global.ts'

/** Filters that need the rows of a run; of removed runs only totals exist. */
const LIVE_ONLY = ['tool', 'execution'] as const

/** Adds the shared filters to a report that includes removed runs. */
export function addReportFilters(command: Command): Command {
  addFilters(command, { status: true })
  for (const option of command.options) {
    if (LIVE_ONLY.some((name) => option.attributeName() === name)) option.hideHelp()
  }
  return command
}

/** @throws WfstoreError usage if a filter does not apply to removed runs, or is invalid */
export async function readReportFilter(
  options: FilterOptions & GlobalOptions,
  context: Context,
): Promise<UsageFilter> {
  const given = LIVE_ONLY.find((name) => options[name] !== undefined)
  if (given) {
    throw new WfstoreError(
      'usage',
      `--${given} is not supported by reports: only totals are kept for removed runs`,
      {
        hint: `use \`wfstore executions list --${given}\` for runs that are not removed`,
      },
    )
  }
  const { toolName, executionId, sessionId, parentExecutionId, ...filter } = await readFilter(
    options,
    context,
  )
  return filter
}

/** Connects to the database and checks its schema; a report runs its queries through the result. */
export async function reader(context: Context, options: GlobalOptions): Promise<Run> {
  if (context.given) return context.given.run
  const { query } = await import('../../db/query/query.ts')
  const { checkSchema } = await import('../../db/schema.ts')
  const client = await context.connect(options)
  await checkSchema(client)
  return (statement, shape) => query(client, statement, shape, { json: 'text' })
}

/** Notes that the time range is exact only for rows that are not removed. */
export function noteCut(writer: Writer, count: number, noun: string): void {
  if (count === 0) return
  writer.note(
    `${plural(count, `removed ${noun}`)} ${count === 1 ? 'is' : 'are'} counted at the start of a quarter hour that --since or --until falls within; ` +
      'use times at :00, :15, :30 or :45 for exact totals',
  )
}

export function noteUnknown(
  writer: Writer,
  unknown: readonly HistoryUnknown[],
  filter: Pick<UsageFilter, 'tags'>,
): void {
  for (const note of unknownNotes(unknown, filter)) writer.note(note)
}

export function noteUnpriced(writer: Writer, unpriced: Unpriced): void {
  const text = unpricedText(unpriced)
  if (text !== undefined) writer.note(`${text}; run \`wfstore prices check\``)
}
