import { WfstoreError } from '../../../error.ts'
import { type ImportSource, uncompressed } from '../../../transfer/lines/gzip.ts'
import { readLines } from '../../../transfer/lines/read.ts'
import { parseJson } from './decode.ts'
import { NONE_REJECTED } from './rejected.ts'
import { type DecodedRequest, malformed, spansOf } from './spans.ts'

/** A line of a file, by its number from 1. */
export interface DecodedLine extends DecodedRequest {
  line: number
  /** Why the line cannot be read, after its number: `is not UTF-8`. It has no spans then. */
  fault?: string
  /** The line has logs, metrics or profiles: a file exporter may be in several pipelines. */
  isOther?: true
}

/**
 * The requests of a file that the file exporter of the OpenTelemetry Collector has written: one a line, as OTLP/JSON, perhaps
 * compressed with gzip. Memory does not grow with the file.
 * @param longestMiB how long a line may be: it is in memory as a whole (default 64)
 * @throws what zlib says of damaged data, and what the source throws
 */
export async function* decodeLines(
  source: ImportSource,
  longestMiB?: number,
): AsyncGenerator<DecodedLine> {
  for await (const lines of readLines(uncompressed(source), longestMiB))
    for (const { number, text, reason } of lines)
      yield text === undefined ? faulty(number, reason ?? '') : decodeLine(number, text)
}

const OTHER_SIGNALS: ReadonlySet<string> = new Set([
  'resourceLogs',
  'resourceMetrics',
  'resourceProfiles',
])

const faulty = (line: number, fault: string): DecodedLine => ({
  line,
  spans: [],
  rejected: NONE_REJECTED,
  fault,
})

function decodeLine(line: number, text: string): DecodedLine {
  try {
    const request = parseJson(Buffer.from(text))
    const decoded = { line, ...spansOf(request) }
    const names = Object.keys(request as object)
    if (names.length === 0 || names.includes('resourceSpans')) return decoded
    // Over HTTP an unknown field is ignored, as the protocol has it. In a file it shows that the file is a wrong one.
    if (!names.some((name) => OTHER_SIGNALS.has(name))) throw malformed()
    return { ...decoded, isOther: true }
  } catch (error) {
    if (!(error instanceof WfstoreError)) throw error
    return faulty(line, error.message.replace('the body ', ''))
  }
}
