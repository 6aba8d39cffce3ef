import { gzipSync } from 'node:zlib'
import { expect, it } from 'vitest'
import { gunzipBody } from '../../../../src/record/otel/decode/gunzip.ts'
import { type DecodedLine, decodeLines } from '../../../../src/record/otel/decode/lines.ts'

const span = {
  traceId: 'ea8d940e1334b410ab0fdea55c8f21c9',
  spanId: '39ff616c3a7d3584',
  name: 'chat',
  startTimeUnixNano: '1795797986903000000',
  endTimeUnixNano: '1795797987112165622',
}
const line = (...spans: object[]) =>
  JSON.stringify({ resourceSpans: [{ scopeSpans: [{ spans }] }] })

async function decode(...chunks: (string | Uint8Array)[]): Promise<DecodedLine[]> {
  async function* source() {
    yield* chunks
  }
  const lines: DecodedLine[] = []
  for await (const one of decodeLines(source(), 1)) lines.push(one)
  return lines
}
const summary = (lines: DecodedLine[]) =>
  lines.map(({ line, spans, rejected, fault }) => [line, spans.length, rejected.count, fault])

const file = [
  line(span, { ...span, traceId: '' }),
  '',
  '{"resourceLogs":[]}',
  '{"resourceSpans":[{"scope',
  '[]',
  line(span, span),
].join('\n')

it('each line of the file exporter is a request; a bad one is named by its number', async () => {
  const expected = [
    [1, 1, 1, undefined],
    [3, 0, 0, undefined],
    [4, 0, 0, 'is not an ExportTraceServiceRequest of OTLP'],
    [5, 0, 0, 'is not an ExportTraceServiceRequest of OTLP'],
    [6, 2, 0, undefined],
  ]
  expect(summary(await decode(file))).toEqual(expected)
  expect(
    summary(
      await decode(
        ...Buffer.from(file)
          .toString()
          .split(/(?<=a)/),
      ),
    ),
  ).toEqual(expected)
  expect(summary(await decode(gzipSync(file)))).toEqual(expected)
})

it('logs and metrics have no spans; an object of something else cannot be read', async () => {
  const wrong = 'is not an ExportTraceServiceRequest of OTLP'
  const lines = await decode(
    ['{"resourceMetrics":[]}', '{"execution":{}}', '{}', line(span)].join('\n'),
  )
  expect(lines.map(({ fault, isOther }) => fault ?? isOther)).toEqual([
    true,
    wrong,
    undefined,
    undefined,
  ])
})

it('a line that is too long is named, and the next ones are read', async () => {
  const long = `{"a":"${'x'.repeat(2 ** 20)}"}\n`
  expect(summary(await decode(long, line(span)))).toEqual([
    [1, 0, 0, 'is longer than 1 MiB; --max-line raises the limit'],
    [2, 1, 0, undefined],
  ])
})

it('a million lines are read one after the other, not all at once', async () => {
  let given = 0
  async function* endless() {
    for (;;) {
      given++
      yield `${line(span)}\n`.repeat(100)
    }
  }
  let read = 0
  for await (const { spans } of decodeLines(endless())) {
    read += spans.length
    if (read === 1000) break
  }
  expect(given).toBeLessThanOrEqual(11)
})

it('a body is uncompressed up to the limit, and one that is larger never is', async () => {
  const bytes = Buffer.alloc(1000)
  expect(await gunzipBody(gzipSync(bytes), 1000)).toEqual(bytes)
  expect(await gunzipBody(gzipSync(bytes), 999)).toBe('too_large')
  expect(await gunzipBody(bytes, 1000)).toBe('damaged')
  expect(await gunzipBody(gzipSync(bytes).subarray(0, -1), 1000)).toBe('damaged')
})
