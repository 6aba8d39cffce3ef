import type { CleanupCounts, CleanupResult } from '../../../cleanup/types.ts'
import type { Context } from '../../context.ts'
import type { GlobalOptions } from '../../options/global.ts'
import { isData } from '../../options/global.ts'
import { checkOutput } from '../../options/output.ts'
import type { Writer } from '../../output/writer.ts'
import { countsColumns, plannedColumns, resultColumns, tableColumns, tablesOf } from './columns.ts'
import type { CleanupFlags } from './options.ts'
import { resultLine, unbilledWords } from './words.ts'

/** CSV and TSV have a row per table; the other formats for programs are one object. */
const isRows = ({ output }: GlobalOptions) => output === 'csv' || output === 'tsv'

/** Rejects wrong names in --columns before anything is removed. */
export function checkColumns(flags: CleanupFlags): void {
  const rows = flags.dryRun ? plannedColumns : tableColumns
  const object = flags.dryRun ? countsColumns : resultColumns
  const asRows = isRows(flags) || (flags.dryRun && !isData(flags))
  checkOutput<never>(asRows ? rows : object, flags)
}

/** Prints to stdout, or to stderr if the archive goes to stdout. */
export async function printReport(
  context: Context,
  flags: CleanupFlags,
  draw: (writer: Writer) => Promise<void>,
): Promise<void> {
  if (flags.archive !== '-') return draw(context.writer(flags))
  const text = await context.frame(flags, draw)
  if (!flags.quiet) context.io.stderr.write(text)
}

export async function drawResult(
  writer: Writer,
  flags: CleanupFlags,
  result: CleanupResult,
): Promise<void> {
  const { removed, kept, outcome } = result
  // A signal leaves no time to count.
  const left = outcome === 'stopped' ? (result.left ?? 'unknown') : result.left
  if (isRows(flags)) await writer.list(tableColumns, tablesOf(removed, kept, { left }))
  else if (isData(flags)) await writer.record(resultColumns, result)
  else await writer.sentence(resultLine(result))
}

export async function drawCounts(
  writer: Writer,
  flags: CleanupFlags,
  counts: CleanupCounts,
): Promise<void> {
  if (isData(flags) && !isRows(flags)) return writer.record(countsColumns, counts)
  await writer.list(plannedColumns, tablesOf(counts.remove, counts.kept, counts))
  if (counts.unbilled > 0 && !flags.quiet) writer.note(unbilledWords(counts))
}
