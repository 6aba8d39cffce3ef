/**
 * The messages of opentelemetry-proto v1 (collector/trace, trace, resource, common) and google.rpc.Status: their fields by
 * number. Fields that wfstore does not use are not listed, so they are ignored as unknown fields are.
 */

/** Types of protobuf. An id is bytes, written as hexadecimal digits; enums are int32. */
export type ScalarType =
  | 'string'
  | 'bool'
  | 'int32'
  | 'int64'
  | 'double'
  | 'fixed32'
  | 'fixed64'
  | 'bytes'
  | 'id'

export interface MessageField {
  name: string
  type: ScalarType | MessageName
  repeated?: true
}

export type Message = { readonly [number: number]: MessageField }

const one = (name: string, type: MessageField['type']): MessageField => ({ name, type })
const many = (name: string, type: MessageName): MessageField => ({ name, type, repeated: true })

export type MessageName =
  | 'Request'
  | 'ResourceSpans'
  | 'Resource'
  | 'ScopeSpans'
  | 'Scope'
  | 'Span'
  | 'Event'
  | 'Link'
  | 'SpanStatus'
  | 'KeyValue'
  | 'AnyValue'
  | 'ArrayValue'
  | 'KeyValueList'
  | 'Response'
  | 'PartialSuccess'
  | 'RpcStatus'

export const MESSAGES: Readonly<Record<MessageName, Message>> = {
  /** ExportTraceServiceRequest, TracesData. */
  Request: { 1: many('resourceSpans', 'ResourceSpans') },
  ResourceSpans: { 1: one('resource', 'Resource'), 2: many('scopeSpans', 'ScopeSpans') },
  Resource: { 1: many('attributes', 'KeyValue') },
  ScopeSpans: { 1: one('scope', 'Scope'), 2: many('spans', 'Span') },
  Scope: { 1: one('name', 'string'), 2: one('version', 'string') },
  Span: {
    1: one('traceId', 'id'),
    2: one('spanId', 'id'),
    3: one('traceState', 'string'),
    4: one('parentSpanId', 'id'),
    5: one('name', 'string'),
    7: one('startTimeUnixNano', 'fixed64'),
    8: one('endTimeUnixNano', 'fixed64'),
    9: many('attributes', 'KeyValue'),
    11: many('events', 'Event'),
    13: many('links', 'Link'),
    15: one('status', 'SpanStatus'),
    16: one('flags', 'fixed32'),
  },
  Event: {
    1: one('timeUnixNano', 'fixed64'),
    2: one('name', 'string'),
    3: many('attributes', 'KeyValue'),
  },
  Link: { 1: one('traceId', 'id'), 2: one('spanId', 'id') },
  SpanStatus: { 2: one('message', 'string'), 3: one('code', 'int32') },
  KeyValue: { 1: one('key', 'string'), 2: one('value', 'AnyValue') },
  AnyValue: {
    1: one('stringValue', 'string'),
    2: one('boolValue', 'bool'),
    3: one('intValue', 'int64'),
    4: one('doubleValue', 'double'),
    5: one('arrayValue', 'ArrayValue'),
    6: one('kvlistValue', 'KeyValueList'),
    7: one('bytesValue', 'bytes'),
  },
  ArrayValue: { 1: many('values', 'AnyValue') },
  KeyValueList: { 1: many('values', 'KeyValue') },
  /** ExportTraceServiceResponse. */
  Response: { 1: one('partialSuccess', 'PartialSuccess') },
  PartialSuccess: { 1: one('rejectedSpans', 'int64'), 2: one('errorMessage', 'string') },
  RpcStatus: { 1: one('code', 'int32'), 2: one('message', 'string') },
}
