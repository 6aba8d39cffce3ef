import { writeMessage } from '../../../../src/record/otel/decode/protobuf.ts'
import type { Attributes, Span, Value } from '../../../../src/record/otel/types.ts'

type Json = Record<string, unknown>

/** Nanoseconds of a time with six digits. */
const nanos = (time: string) =>
  BigInt(Date.parse(`${time.slice(0, 23)}Z`)) * 1_000_000n + BigInt(time.slice(23, 26)) * 1000n

function anyValue(value: Value): Json {
  if (value === null) return {}
  if (typeof value === 'string') return { stringValue: value }
  if (typeof value === 'boolean') return { boolValue: value }
  if (typeof value === 'number')
    return Number.isSafeInteger(value) && !Object.is(value, -0)
      ? { intValue: BigInt(value) }
      : { doubleValue: value }
  if (Array.isArray(value)) return { arrayValue: { values: value.map(anyValue) } }
  return { kvlistValue: { values: keyValues(value as Attributes) } }
}

export const keyValues = (attributes: Attributes): Json[] =>
  Object.entries(attributes).map(([key, value]) => ({ key, value: anyValue(value) }))

/** An ExportTraceServiceRequest of these spans, each with its own resource and scope. Whole numbers are bigint. */
export const requestOf = (spans: readonly Span[]): Json => ({
  resourceSpans: spans.map((span) => ({
    resource: { attributes: keyValues(span.resource) },
    scopeSpans: [
      {
        scope: span.scope,
        spans: [
          {
            traceId: span.traceId,
            spanId: span.spanId,
            traceState: span.traceState,
            parentSpanId: span.parentSpanId ?? undefined,
            name: span.name,
            startTimeUnixNano: nanos(span.startTime),
            endTimeUnixNano: nanos(span.endTime),
            attributes: keyValues(span.attributes),
            status: span.status,
            flags: span.flags ?? undefined,
            events: span.events.map(({ name, time, attributes }) => ({
              name,
              timeUnixNano: nanos(time),
              attributes: keyValues(attributes),
            })),
            links: span.links,
          },
        ],
      },
    ],
  })),
})

/** OTLP/JSON: a bigint is a text of digits. */
export const toJson = (request: unknown): Buffer =>
  Buffer.from(
    JSON.stringify(request, (_, value) => (typeof value === 'bigint' ? String(value) : value)),
  )

export const toProtobuf = (request: Json): Promise<Uint8Array> => writeMessage('Request', request)
