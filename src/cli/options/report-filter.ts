import type { Command } from 'commander'
import type { Run } from '../../db/query/query.ts'
import { WfstoreError } from '../../error.ts'
import type { UsageFilter } from '../../queries/usage/filter.ts'
import type { Context } from '../context.ts'
import type { Writer } from '../output/writer.ts'
import { addFilters, type FilterOptions, readFilter } from './filter.ts'
import type { GlobalOptions } from './global.ts'

/** Filters that need a live run's own rows, which a total of removed runs has not. */
const LIVE_ONLY = ['tool', 'execution'] as const

/** The shared filters for a report over runs, removed ones too. */
export function addReportFilters(command: Command): Command {
  addFilters(command, { status: true })
  for (const option of command.options) {
    if (LIVE_ONLY.some((name) => option.attributeName() === name)) option.hideHelp()
  }
  return command
}

/** @throws WfstoreError usage for a filter that removed runs do not have, and for what is no filter */
export async function readReportFilter(
  options: FilterOptions & GlobalOptions,
  context: Context,
): Promise<UsageFilter> {
  const given = LIVE_ONLY.find((name) => options[name] !== undefined)
  if (given) {
    throw new WfstoreError(
      'usage',
      `--${given} is not for a report: of removed runs only sums are kept`,
      {
        hint: `see \`wfstore executions list --${given}\` for the runs that are kept`,
      },
    )
  }
  const { toolName, executionId, ...filter } = await readFilter(options, context)
  return filter
}

/** What a report is read through: the database of the command, once its schema is known to be ours. */
export async function reader(context: Context, options: GlobalOptions): Promise<Run> {
  const { query } = await import('../../db/query/query.ts')
  const { checkSchema } = await import('../../db/schema.ts')
  const client = await context.connect(options)
  await checkSchema(client)
  return (text, values, shape) => query(client, text, values, shape)
}

/** Says that the bounds are exact for live rows only. */
export function noteCut(writer: Writer, count: number, of: string): void {
  if (count === 0) return
  writer.note(
    `${count} removed ${of} began in a quarter of an hour that --since or --until cuts, and count at its beginning: ` +
      'times at :00, :15, :30 and :45 are exact',
  )
}
