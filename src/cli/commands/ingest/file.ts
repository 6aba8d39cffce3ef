import { resolve } from 'node:path'
import { serverTime } from '../../../db/query/server-time.ts'
import { WfstoreError } from '../../../error.ts'
import { plural } from '../../../numbers.ts'
import { traceTotals } from '../../../queries/traces/totals.ts'
import { DEFAULT_MAPPING } from '../../../record/otel/mapping.ts'
import { executionIdOf } from '../../../record/otel/store/ids.ts'
import { receive } from '../../../record/otel/store/receive.ts'
import { reconcileDue } from '../../../record/otel/store/reconcile.ts'
import { settleThese } from '../../../record/otel/store/settle.ts'
import type { ReconcileOptions } from '../../../record/otel/store/work.ts'
import { type Access, ownAccess } from '../../../store/access.ts'
import type { Context } from '../../context.ts'
import { assertReadable } from '../../options/file.ts'
import { isData } from '../../options/global.ts'
import { type IngestFlags, mappingOf, patienceOf } from '../../options/ingest.ts'
import { checkOutput } from '../../options/output.ts'
import { exactDollars, roundedDollars } from '../../output/text/amount.ts'
import { withProgress } from '../../terminal/progress.ts'
import { readFiles } from './read.ts'
import {
  type IngestResult,
  ignoredLine,
  openLine,
  refusedText,
  resultColumns,
  summaryLine,
  unpricedLine,
} from './result.ts'

/** A server writes a trace within seconds after it is due. */
const OVERDUE_MS = 60_000

/** Stores the traces of files, and ends their runs. */
export async function ingestFiles(
  context: Context,
  flags: IngestFlags,
  files: readonly string[],
): Promise<void> {
  checkOutput(resultColumns, flags)
  const { io } = context
  const config = context.settings().config?.ingest ?? {}
  const mapping = mappingOf(flags, config, DEFAULT_MAPPING)
  const options = { ...DEFAULT_MAPPING, ...patienceOf(flags, config, 'file') }
  // Reject a wrong file name before connecting.
  for (const file of files) if (file !== '-') await assertReadable(resolve(io.cwd, file), file)
  const { check, inTransaction, read: query } = ownAccess(await context.pool(flags))
  await check()
  const writer = context.writer(flags)
  let accepted = 0
  context.atEnd(async () => {
    if (io.signal.aborted)
      writer.note(`interrupted; ${plural(accepted, 'span')} stored; run it again to continue`)
  })
  const result = await withProgress(io, async (show): Promise<IngestResult> => {
    const { rejected, traces, ...read } = await readFiles(io, files, {
      maxLineMiB: flags.maxLine,
      store: async (spans) => {
        const received = await receive(inTransaction, spans, mapping)
        accepted += received.accepted
        return received.rejected
      },
      progress: (spans) => show(spans, 'spans read'),
    })
    const ids = [...traces.keys()].map(executionIdOf)
    const written = (count: number) => show(count, 'traces written', ids.length)
    const failed = io.signal.aborted
      ? 0
      : await settle({ inTransaction, read: query }, options, traces, written)
    // A file that the Collector has rotated is not read again. Its runs that were still open are ended here.
    const others = { ...DEFAULT_MAPPING, ...patienceOf(flags, config, 'network') }
    await reconcileDue(inTransaction, others, () => io.signal.aborted, OVERDUE_MS)
    return {
      ...read,
      accepted,
      refused: rejected.count,
      refusals: Object.entries(rejected.reasons).map(([reason, spans]) => ({ reason, spans })),
      ...(await traceTotals(query, ids)),
      failed,
    }
  })
  // After an interruption, atEnd has printed what was stored.
  if (io.signal.aborted) return
  const cost = (io.stderr.isTTY ? roundedDollars : exactDollars)(result.totalCost)
  writer.note(summaryLine(result, cost))
  for (const line of [ignoredLine(result), openLine(result), unpricedLine(result)])
    if (line !== undefined) writer.note(line)
  if (isData(flags)) await writer.record(resultColumns, result)
  const refused = refusedText(result)
  if (refused !== undefined)
    throw new WfstoreError('failed', refused, {
      // A file that has other lines that can be read is no wrong file.
      hint:
        result.unreadCount === result.lines && result.lines > 0
          ? 'name a file with a request of OTLP/JSON in each line, as the file exporter of the Collector writes it'
          : undefined,
    })
}

/**
 * Ends the runs. A trace without a root whose last span is older than the time to wait is not waited for: the file is not read again
 * for it. @returns the number of traces that could not be written
 */
async function settle(
  { inTransaction, read }: Pick<Access, 'inTransaction' | 'read'>,
  options: ReconcileOptions,
  traces: ReadonlyMap<string, number>,
  written: (count: number) => void,
): Promise<number> {
  const before = (await serverTime(read)).getTime() - options.abandonMs
  const ended = (isOld: boolean) =>
    [...traces].filter(([, end]) => end <= before === isOld).map(([id]) => executionIdOf(id))
  const [old, recent] = [ended(true), ended(false)]
  const failed = await settleThese(inTransaction, { ...options, abandonMs: 0 }, old, written)
  return (
    failed +
    (await settleThese(inTransaction, options, recent, (count) => written(old.length + count)))
  )
}
