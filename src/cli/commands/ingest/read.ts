import { createReadStream } from 'node:fs'
import { resolve } from 'node:path'
import { type DecodedLine, decodeLines } from '../../../record/otel/decode/lines.ts'
import { addRejected, NONE_REJECTED } from '../../../record/otel/decode/rejected.ts'
import type { Rejected } from '../../../record/otel/options.ts'
import type { Span } from '../../../record/otel/types.ts'
import type { Io } from '../../io.ts'
import type { UnreadLine } from './result.ts'

/** Spans that are stored in one transaction. A line with more is not divided. */
const BATCH_SPANS = 1000
/** Lines that the result names. */
const SHOWN_LINES = 100

/** What was read, and what became of it. */
export interface Read {
  lines: number
  /** Lines of logs and metrics. */
  linesIgnored: number
  spans: number
  rejected: Rejected
  unread: UnreadLine[]
  unreadCount: number
  /** The end of the last span of each trace, by the id as in OTLP: milliseconds. */
  traces: ReadonlyMap<string, number>
}

interface Reading {
  maxLineMiB: number | undefined
  /** Stores spans. @returns what is refused */
  store: (spans: readonly Span[]) => Promise<Rejected>
  /** Called after each transaction with the number of spans that were read. */
  progress: (spans: number) => void
}

/** Reads the files one after the other. It ends early when the command is interrupted. */
export async function readFiles(
  io: Io,
  files: readonly string[],
  { maxLineMiB, store, progress }: Reading,
): Promise<Read> {
  const traces = new Map<string, number>()
  const read = {
    lines: 0,
    linesIgnored: 0,
    spans: 0,
    rejected: NONE_REJECTED,
    unread: [] as UnreadLine[],
    unreadCount: 0,
  }
  let batch: Span[] = []
  const flush = async () => {
    if (batch.length === 0) return
    const spans = batch
    batch = []
    for (const { traceId, endTime } of spans)
      traces.set(traceId, Math.max(traces.get(traceId) ?? 0, Date.parse(endTime)))
    read.rejected = addRejected(read.rejected, await store(spans))
    progress(read.spans)
  }
  const fail = (file: string, line: number, reason: string) => {
    if (++read.unreadCount <= SHOWN_LINES) read.unread.push({ file, line, reason })
  }
  const take = async (file: string, { line, spans, rejected, fault, isOther }: DecodedLine) => {
    read.lines++
    if (isOther) read.linesIgnored++
    read.spans += spans.length + rejected.count
    read.rejected = addRejected(read.rejected, rejected)
    if (fault !== undefined) fail(file, line, fault)
    for (const span of spans) batch.push(span)
    if (batch.length >= BATCH_SPANS) await flush()
  }
  for (const file of files) {
    const source = file === '-' ? io.stdin : createReadStream(resolve(io.cwd, file))
    const lines = decodeLines(source, maxLineMiB)
    let last = 0
    for (;;) {
      if (io.signal.aborted) return { ...read, traces }
      const next = await lines.next().catch((error: Error) => error)
      if (next instanceof Error) {
        fail(file, last + 1, `cannot be read: ${next.message}`)
        break
      }
      if (next.done) break
      last = next.value.line
      await take(file, next.value)
    }
    // A long file may be followed by a slow pipe.
    await flush()
  }
  return { ...read, traces }
}
