import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { inspect } from 'node:util'
import { gunzipSync } from 'node:zlib'
import { expect, it } from 'vitest'
import { decodeRequest, type Encoding } from '../../../../src/record/otel/decode/decode.ts'
import { spansOf } from '../../../../src/record/otel/decode/spans.ts'
import { toJson, toProtobuf } from './encode.ts'

const fixtures = join(import.meta.dirname, '../../../fixtures/otlp')
const read = (name: string) => readFileSync(join(fixtures, name))

const traceId = 'ea8d940e1334b410ab0fdea55c8f21c9'
const spanId = '39ff616c3a7d3584'
const valid = {
  traceId,
  spanId,
  name: 'chat',
  startTimeUnixNano: '1795797986903000000',
  endTimeUnixNano: '1795797987112165622',
}
const request = (...spans: unknown[]) => ({ resourceSpans: [{ scopeSpans: [{ spans }] }] })
const decodeSpan = (fields: object) => spansOf(request({ ...valid, ...fields }))
const attributesOf = (...attributes: unknown[]) => decodeSpan({ attributes }).spans[0]?.attributes
const refused = (reason: string) => ({
  spans: [],
  rejected: { count: 1, reasons: { [reason]: 1 } },
})

it.each([
  ['ai7-anthropic.json', read('ai7-anthropic.pb')],
  ['ai7-dup.json', gunzipSync(read('ai7-dup.pb.gz'))],
])('the protobuf of a real exporter has the spans of %s', async (name, body) => {
  const capture = JSON.parse(read(name).toString())
  const decoded = await decodeRequest(body, 'protobuf')
  expect(decoded).toEqual(spansOf(capture.requests[0].body))
  expect(decoded.rejected.count).toBe(0)
  expect(decoded.spans.length).toBeGreaterThan(1)
})

it('a span has the times cut off after six digits, and null or nothing for what is absent', () => {
  expect(decodeSpan({}).spans).toEqual([
    {
      traceId,
      spanId,
      parentSpanId: null,
      flags: null,
      traceState: '',
      name: 'chat',
      startTime: '2026-11-27T16:46:26.903000Z',
      endTime: '2026-11-27T16:46:27.112165Z',
      attributes: {},
      resource: {},
      scope: { name: '', version: '' },
      status: { code: 0, message: '' },
      events: [],
      links: [],
    },
  ])
})

it('values of all kinds are decoded', () => {
  const values = {
    text: { stringValue: '' },
    yes: { boolValue: true },
    number: { intValue: 7 },
    digits: { intValue: '-7' },
    long: { intValue: '9223372036854775807' },
    part: { doubleValue: 0.5 },
    none: { doubleValue: 'NaN' },
    list: { arrayValue: { values: [{ stringValue: 'a' }, { intValue: '1' }, {}] } },
    empty: { arrayValue: {} },
    map: { kvlistValue: { values: [{ key: 'k', value: { boolValue: false } }] } },
    bytes: { bytesValue: 'AAEC' },
    nothing: {},
    absent: undefined,
    unknown: { someNewValue: 1 },
  }
  const attributes = Object.entries(values).map(([key, value]) => ({ key, value }))
  expect(attributesOf(...attributes)).toEqual({
    text: '',
    yes: true,
    number: 7,
    digits: -7,
    long: '9223372036854775807',
    part: 0.5,
    none: 'NaN',
    list: ['a', 1, null],
    empty: [],
    map: { k: false },
    bytes: 'AAEC',
    nothing: null,
    absent: null,
    unknown: null,
  })
})

it('an attribute may have any name, and the last of the same name counts', () => {
  const decoded = attributesOf(
    { key: '__proto__', value: { intValue: 1 } },
    { key: 'twice', value: { intValue: 1 } },
    { key: 'twice', value: { intValue: 2 } },
  )
  expect(Object.entries(decoded ?? {})).toEqual([
    ['__proto__', 1],
    ['twice', 2],
  ])
})

it('NUL and halves of surrogate pairs are replaced, in names too', () => {
  expect(
    attributesOf({ key: 'a\0', value: { stringValue: '\0\uD83D \uD83D\uDE00\uDE00' } }),
  ).toEqual({ 'a\uFFFD': '\uFFFD\uFFFD \u{1F600}\uFFFD' })
})

it.each([
  ['the trace id is not of 16 bytes', { traceId: spanId }],
  ['the trace id is not of 16 bytes', { traceId: '6o2UDhM0tBCrD96lXI8hyQ==' }],
  ['the trace id is not of 16 bytes', { traceId: undefined }],
  ['the trace id is all zeros', { traceId: '0'.repeat(32) }],
  ['the span id is not of 8 bytes', { spanId: `${spanId}00` }],
  ['the span id is all zeros', { spanId: '0'.repeat(16) }],
  ['the parent span id is not of 8 bytes', { parentSpanId: '4e11' }],
  ['the start time is not in the years 1970 to 2200', { startTimeUnixNano: undefined }],
  ['the start time is not in the years 1970 to 2200', { startTimeUnixNano: '-1' }],
  [
    'the end time is not in the years 1970 to 2200',
    { endTimeUnixNano: `${Date.UTC(2201, 0)}000000` },
  ],
  ['a field has a wrong type', { name: 1 }],
  ['a field has a wrong type', { attributes: [{ key: 'a', value: { intValue: 'many' } }] }],
  ['a field has a wrong type', { attributes: { a: 1 } }],
  ['a field has a wrong type', { status: 'ok' }],
  ['a field has a wrong type', { events: [1] }],
])('a span is refused because %s, and the others are kept', (reason, fields) => {
  expect(decodeSpan(fields)).toEqual(refused(reason))
  const both = spansOf(request({ ...valid, ...fields }, valid))
  expect([both.spans.length, both.rejected.count]).toEqual([1, 1])
})

it('a span ends when it starts if its end is absent or earlier', () => {
  for (const endTimeUnixNano of [undefined, '0', 0, '1795797986902999999'])
    expect(decodeSpan({ endTimeUnixNano }).spans[0]?.endTime).toBe('2026-11-27T16:46:26.903000Z')
})

it('ids in upper case are the same ids, and a parent of zeros is none', () => {
  const { spans } = decodeSpan({
    traceId: traceId.toUpperCase(),
    parentSpanId: '0'.repeat(16),
    links: [
      { traceId: traceId.toUpperCase(), spanId },
      { traceId, spanId: '' },
    ],
  })
  expect(spans).toMatchObject([{ traceId, parentSpanId: null, links: [{ traceId, spanId }] }])
})

it('an error is an error whether its code is a number or a name', () => {
  for (const code of [2, 'STATUS_CODE_ERROR'])
    expect(decodeSpan({ status: { code, message: 'm' } }).spans[0]?.status).toEqual({
      code: 2,
      message: 'm',
    })
})

it('names in snake case are unknown fields, and unknown fields are ignored', () => {
  expect(spansOf({ resource_spans: 1, more: {} })).toEqual({
    spans: [],
    rejected: { count: 0, reasons: {} },
  })
  expect(decodeSpan({ kind: 3, span_id: 7, droppedAttributesCount: 1 }).spans).toHaveLength(1)
})

it('100 levels of values are decoded, 101 refuse the span, in both encodings', async () => {
  const nested = (levels: number, kind: 'arrayValue' | 'kvlistValue') => {
    let value: object = { stringValue: 'x' }
    for (let level = 1; level < levels; level++)
      value = { [kind]: { values: [kind === 'arrayValue' ? value : { key: 'k', value }] } }
    const times = { startTimeUnixNano: 1_000_000n, endTimeUnixNano: 1_000_000n }
    return request({ ...valid, ...times, attributes: [{ key: 'a', value }] })
  }
  for (const kind of ['arrayValue', 'kvlistValue'] as const) {
    for (const [levels, spans] of [
      [100, 1],
      [101, 0],
      [1000, 0],
    ] as const) {
      const bodies: [Encoding, Uint8Array][] = [
        [
          'json',
          Buffer.from(jsonOf(nested(1, kind)).replace('{"stringValue":"x"}', deep(kind, levels))),
        ],
        ['protobuf', await toProtobuf(nested(levels, kind))],
      ]
      for (const [encoding, body] of bodies) {
        const decoded = await decodeRequest(body, encoding)
        expect([encoding, levels, decoded.spans.length]).toEqual([encoding, levels, spans])
        if (spans === 0)
          expect(decoded).toEqual(refused('a value is nested deeper than 100 levels'))
      }
    }
  }
})
const jsonOf = (value: unknown) => toJson(value).toString()
/** JSON.stringify cannot write it. */
const deep = (kind: 'arrayValue' | 'kvlistValue', levels: number) => {
  const open =
    kind === 'arrayValue' ? '{"arrayValue":{"values":[' : '{"kvlistValue":{"values":[{"value":'
  const close = kind === 'arrayValue' ? ']}}' : '}]}}'
  return `${open.repeat(levels - 1)}{"stringValue":"x"}${close.repeat(levels - 1)}`
}

it('a body that is not a request is an error without any of it', async () => {
  const bodies: [Encoding, string | Uint8Array][] = [
    ...['', '[]', '7', 'null', '{"secret', '{"resourceSpans":{}}', '{"resourceSpans":[7]}'].map(
      (json): [Encoding, string] => ['json', json],
    ),
    ['json', Buffer.from('7b22ff22', 'hex')],
    ['json', `{"a":${'['.repeat(200_000)}${']'.repeat(200_000)}}`],
    ['json', '{"resourceSpans":[{"scopeSpans":[{"spans":{}}]}]}'],
    ['protobuf', 'secret'],
    ['protobuf', (await toProtobuf(request({ traceId, spanId }))).subarray(0, -1)],
    // A message that ends after the one around it.
    ['protobuf', Buffer.from('0a021205', 'hex')],
    ['protobuf', Buffer.from('0a0212041a001a00', 'hex')],
  ]
  for (const [encoding, body] of bodies) {
    const error = await decodeRequest(Buffer.from(body), encoding).catch((reason) => reason)
    expect(error).toMatchObject({
      code: 'usage',
      message: 'the body is not an ExportTraceServiceRequest of OTLP',
    })
    expect(inspect(error, { depth: 9 })).not.toContain('secret')
  }
})

it('a body of millions of empty parts is refused', async () => {
  const bodies: [Encoding, Uint8Array][] = [
    ['protobuf', Buffer.alloc(6_000_002, Buffer.from('0a00', 'hex'))],
    ['json', Buffer.from(`[${'{},'.repeat(3_000_000)}{}]`)],
    ['json', Buffer.from(`{${'"a":1,'.repeat(3_000_000)}"a":{}}`)],
  ]
  for (const [encoding, body] of bodies)
    await expect(decodeRequest(body, encoding)).rejects.toMatchObject({
      code: 'usage',
      message: 'the body has more than 3,000,000 values',
    })
})

it('an empty body in protobuf is a request without spans', async () => {
  expect(await decodeRequest(Buffer.alloc(0), 'protobuf')).toMatchObject({ spans: [] })
})
