import { WfstoreError } from '../../../error.ts'
import type { Rejected } from '../options.ts'
import type { Attributes, Span } from '../types.ts'
import { arrayOf, entriesOf, type Faults, fieldsOf, note, objectOf, WRONG_TYPE } from './faults.ts'
import { timeOf } from './time.ts'
import { attributesOf, textOf, wholeOf } from './value.ts'

export interface DecodedRequest {
  spans: Span[]
  /** Spans that are not valid. */
  rejected: Rejected
}

export const malformed = (cause?: unknown) =>
  new WfstoreError('usage', 'the body is not an ExportTraceServiceRequest of OTLP', {
    hint: 'send traces with an OTLP/HTTP exporter, as protobuf or JSON',
    cause,
  })

interface Group {
  resource: Attributes
  scope: Span['scope']
  /** Of the resource and the scope. */
  reason: string | undefined
}

/**
 * The spans of an ExportTraceServiceRequest, as an object of OTLP/JSON. A span that is not valid is counted with its reason.
 * @throws WfstoreError `usage` for another object
 */
export function spansOf(request: unknown): DecodedRequest {
  const spans: Span[] = []
  const reasons: Record<string, number> = {}
  let count = 0
  for (const one of list(object(request).resourceSpans)) {
    const { resource, scopeSpans } = object(one)
    const resourceFaults: Faults = { reason: undefined }
    const attributes = attributesOf(optional(resource).attributes, resourceFaults)
    for (const { scope, spans: group } of list(scopeSpans).map(object)) {
      const faults = { ...resourceFaults }
      const of = { resource: attributes, scope: scopeOf(scope, faults), reason: faults.reason }
      for (const raw of list(group)) {
        const span = spanOf(raw, of)
        if (typeof span !== 'string') spans.push(span)
        else {
          count++
          reasons[span] = (reasons[span] ?? 0) + 1
        }
      }
    }
  }
  return { spans, rejected: { count, reasons } }
}

function object(value: unknown): Record<string, unknown> {
  const found = objectOf(value)
  if (!found) throw malformed()
  return found
}
const optional = (value: unknown) => (value === undefined || value === null ? {} : object(value))

function list(value: unknown): readonly unknown[] {
  const found = arrayOf(value)
  if (!found) throw malformed()
  return found
}

function scopeOf(raw: unknown, faults: Faults): Span['scope'] {
  const { name, version } = optional(raw)
  return { name: textOf(name, faults), version: textOf(version, faults) }
}

/** A span, or the reason why it is refused. */
function spanOf(raw: unknown, { resource, scope, reason }: Group): Span | string {
  const faults: Faults = { reason }
  const fields = objectOf(raw)
  if (!fields) return WRONG_TYPE
  const traceId = idOf('trace id', fields.traceId, 16, faults)
  const spanId = idOf('span id', fields.spanId, 8, faults)
  const startTime = timeOf(fields.startTimeUnixNano)
  if (startTime === undefined) return 'the start time is not in the years 1970 to 2200'
  const endTime = endOf(fields.endTimeUnixNano, startTime)
  if (endTime === undefined) return 'the end time is not in the years 1970 to 2200'
  const span: Span = {
    traceId,
    spanId,
    parentSpanId: parentOf(fields.parentSpanId, faults),
    flags: flagsOf(fields.flags, faults),
    traceState: textOf(fields.traceState, faults),
    name: textOf(fields.name, faults),
    startTime,
    endTime,
    attributes: attributesOf(fields.attributes, faults),
    resource,
    scope,
    status: statusOf(fields.status, faults),
    events: eventsOf(fields.events, endTime, faults),
    links: linksOf(fields.links, faults),
  }
  return faults.reason ?? span
}

/** Hexadecimal digits in lower case. */
function idOf(name: string, value: unknown, bytes: number, faults: Faults): string {
  const id = typeof value === 'string' ? value.toLowerCase() : ''
  if (!isId(id, bytes)) note(faults, `the ${name} is not of ${bytes} bytes`)
  else if (isZero(id)) note(faults, `the ${name} is all zeros`)
  return id
}
const isId = (id: string, bytes: number) => id.length === 2 * bytes && /^[0-9a-f]+$/.test(id)
const isZero = (id: string) => /^0*$/.test(id)

function parentOf(value: unknown, faults: Faults): string | null {
  if (value === undefined || value === null) return null
  if (typeof value === 'string' && isZero(value)) return null
  return idOf('parent span id', value, 8, faults)
}

/** An end before the start, because a clock was set back, or no end: the span ends when it starts. */
function endOf(value: unknown, startTime: string): string | undefined {
  if (value === undefined || value === null || wholeOf(value) === 0 || wholeOf(value) === 0n)
    return startTime
  const endTime = timeOf(value)
  return endTime !== undefined && endTime < startTime ? startTime : endTime
}

function flagsOf(value: unknown, faults: Faults): number | null {
  if (value === undefined || value === null) return null
  const flags = wholeOf(value)
  if (flags === undefined) note(faults, WRONG_TYPE)
  return Number(flags ?? 0)
}

const STATUS_CODES = ['STATUS_CODE_UNSET', 'STATUS_CODE_OK', 'STATUS_CODE_ERROR']

/** Some emitters send the name of the code, against the rules of OTLP/JSON. An error must not become a success. */
function statusOf(value: unknown, faults: Faults): Span['status'] {
  const { code, message } = fieldsOf(value, faults)
  const named = typeof code === 'string' ? STATUS_CODES.indexOf(code) : -1
  const number = named === -1 ? wholeOf(code ?? 0) : named
  if (number === undefined) note(faults, WRONG_TYPE)
  return { code: Number(number ?? 0), message: textOf(message, faults) }
}

/** An event without a valid time has that of the end: its text says what failed, its time matters to nothing. */
function eventsOf(value: unknown, endTime: string, faults: Faults): Span['events'] {
  return entriesOf(value, faults).map(({ name, timeUnixNano, attributes }) => ({
    name: textOf(name, faults),
    time: timeOf(timeUnixNano) ?? endTime,
    attributes: attributesOf(attributes, faults),
  }))
}

/** A link that leads nowhere is no reason to refuse its span. */
function linksOf(value: unknown, faults: Faults): Span['links'] {
  return entriesOf(value, faults).flatMap((link) => {
    const unlinked: Faults = { reason: undefined }
    const traceId = idOf('trace id', link.traceId, 16, unlinked)
    const spanId = idOf('span id', link.spanId, 8, unlinked)
    return unlinked.reason === undefined ? [{ traceId, spanId }] : []
  })
}
