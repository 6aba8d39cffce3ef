import fc from 'fast-check'
import { expect, it } from 'vitest'
import { decodeRequest } from '../../../../src/record/otel/decode/decode.ts'
import type { Attributes, Span, Value } from '../../../../src/record/otel/types.ts'
import { requestOf, toJson, toProtobuf } from './encode.ts'

const text = fc
  .string({ unit: 'grapheme', maxLength: 20 })
  .map((value) => value.replaceAll('\0', ''))
const { value } = fc.letrec<{ value: Value }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 4 },
    text,
    fc.boolean(),
    fc.constant(null),
    fc.maxSafeInteger(),
    fc
      .bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n })
      .filter((whole) => !Number.isSafeInteger(Number(whole)))
      .map(String),
    fc.double({ noNaN: true, noDefaultInfinity: true }).map((double) => double + 0),
    fc.array(tie('value'), { maxLength: 4 }),
    fc.dictionary(text, tie('value'), { maxKeys: 4 }),
  ),
}))
const attributes: fc.Arbitrary<Attributes> = fc.dictionary(text, value, { maxKeys: 6 })

const hex = (bytes: number) =>
  fc
    .uint8Array({ minLength: bytes, maxLength: bytes })
    .map((id) => Buffer.from(id).toString('hex'))
    .filter((id) => /[^0]/.test(id))
/** With microseconds, in the years 1970 to 2200. */
const micros = fc.bigInt({ min: 1n, max: BigInt(Date.UTC(2201, 0)) * 1000n - 1n })
const time = (at: bigint) =>
  `${new Date(Number(at / 1000n)).toISOString().slice(0, 23)}${String(at % 1000n).padStart(3, '0')}Z`
const span: fc.Arbitrary<Span> = fc
  .record({
    traceId: hex(16),
    spanId: hex(8),
    parentSpanId: fc.option(hex(8)),
    flags: fc.option(fc.nat({ max: 0x3ff })),
    traceState: text,
    name: text,
    times: fc.tuple(micros, micros),
    attributes,
    resource: attributes,
    scope: fc.record({ name: text, version: text }),
    status: fc.record({ code: fc.constantFrom(0, 1, 2), message: text }),
    events: fc.array(fc.record({ name: text, time: micros.map(time), attributes }), {
      maxLength: 3,
    }),
    links: fc.array(fc.record({ traceId: hex(16), spanId: hex(8) }), { maxLength: 3 }),
  })
  .map(({ times, ...rest }) => {
    const [startTime, endTime] = times.map(time).sort() as [string, string]
    return { ...rest, startTime, endTime }
  })

it('any spans come out of protobuf and of JSON as they went in', async () => {
  const property = fc.asyncProperty(fc.array(span, { maxLength: 5 }), async (spans) => {
    const request = requestOf(spans)
    const expected = { spans, rejected: { count: 0, reasons: {} } }
    expect(await decodeRequest(await toProtobuf(request), 'protobuf')).toEqual(expected)
    expect(await decodeRequest(toJson(request), 'json')).toEqual(expected)
  })
  await fc.assert(property, { numRuns: 200 })
})

it('any bytes are decoded or refused with an error that does not contain them', async () => {
  const bytes = fc.oneof(
    fc.uint8Array({ maxLength: 200 }),
    fc.json().map((json) => Buffer.from(json)),
    fc
      .tuple(fc.array(span, { maxLength: 2 }), fc.nat(), fc.nat({ max: 255 }))
      .map(([spans, at, byte]) => {
        const json = toJson(requestOf(spans))
        json[at % json.length] = byte
        return json
      }),
  )
  const property = fc.asyncProperty(bytes, async (body) => {
    for (const encoding of ['protobuf', 'json'] as const) {
      const error = await decodeRequest(body, encoding).then(
        () => undefined,
        (reason) => reason,
      )
      if (error)
        expect([error.code, error.message]).toEqual([
          'usage',
          'the body is not an ExportTraceServiceRequest of OTLP',
        ])
    }
  })
  await fc.assert(property, { numRuns: 500 })
})
