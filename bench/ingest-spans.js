// Runs as the exporters of SDKs send them: ten spans each, of which three call a model and two a tool.
import { randomBytes } from 'node:crypto'
import { JsonTraceSerializer, ProtobufTraceSerializer } from '@opentelemetry/otlp-transformer'

/** As many as an exporter sends at once. */
export const BATCH = 512
export const SPANS_PER_RUN = 10
/** Runs of an engine at the same time: a batch has spans of several runs, and a run is in several batches. */
const TOGETHER = 20

export const MODEL = 'gpt-4o'
export const TOKENS = { input: 412, output: 87 }
export const TOOL = 'search'

const resource = {
  attributes: { 'service.name': 'lead-agent', 'deployment.environment.name': 'production' },
}
const scopes = {
  agent: { name: 'gen_ai', version: '1.0.0' },
  http: { name: '@opentelemetry/instrumentation-undici', version: '0.20.0' },
}

const called = (id) => ({
  'gen_ai.operation.name': 'chat',
  'gen_ai.provider.name': 'openai',
  'gen_ai.request.model': MODEL,
  'gen_ai.response.model': MODEL,
  'gen_ai.response.id': `chatcmpl-${id}`,
  'gen_ai.response.finish_reasons': ['stop'],
  'gen_ai.usage.input_tokens': TOKENS.input,
  'gen_ai.usage.output_tokens': TOKENS.output,
  'gen_ai.usage.cache_read.input_tokens': 0,
  'gen_ai.input.messages': JSON.stringify([
    {
      role: 'user',
      parts: [{ type: 'text', content: 'Which companies are like this one? '.repeat(8) }],
    },
  ]),
})
const tool = {
  'gen_ai.operation.name': 'execute_tool',
  'gen_ai.tool.name': TOOL,
  'gen_ai.tool.call.id': 'call_1',
}
const http = {
  'http.request.method': 'POST',
  'url.full': 'https://api.example.com/v1/chat/completions',
  'http.response.status_code': 200,
}

const hex = (bytes) => randomBytes(bytes).toString('hex')

/** Milliseconds since the epoch as seconds and nanoseconds. */
const timeOf = (ms) => [Math.floor(ms / 1000), Math.round((ms % 1000) * 1e6)]

/** A span of the SDK. @param times milliseconds since the epoch */
const spanOf = (traceId, { scope = 'agent', name, attributes, times, id = hex(8), parent }) => ({
  name,
  kind: scope === 'http' ? 2 : 0,
  spanContext: () => ({ traceId, spanId: id, traceFlags: 1 }),
  parentSpanContext: parent && { traceId, spanId: parent, traceFlags: 1 },
  startTime: timeOf(times[0]),
  endTime: timeOf(times[1]),
  attributes,
  status: { code: 0 },
  events: [],
  links: [],
  ...{ droppedAttributesCount: 0, droppedEventsCount: 0, droppedLinksCount: 0 },
  resource,
  instrumentationScope: scopes[scope],
})

const container = { 'gen_ai.operation.name': 'agent_step' }
const agent = (userId) => ({
  ...{ 'gen_ai.operation.name': 'invoke_agent', 'gen_ai.agent.name': 'Lead enrichment' },
  'user.id': userId,
})

/**
 * The spans of a run in the order of their ends: its root is last.
 * @param start milliseconds since the epoch
 * @param within the ids of a trace and of the span below which all of these are
 */
function run(start, userId, within) {
  const traceId = within?.traceId ?? hex(16)
  const [root, chain] = [hex(8), hex(8)]
  const span = (from, to, fields) =>
    spanOf(traceId, { ...fields, times: [start + from, start + to] })
  const call = (from) => {
    const id = hex(8)
    return [
      span(from + 1, from + 99, { scope: 'http', name: 'POST', attributes: http, parent: id }),
      span(from, from + 100, {
        ...{ name: `chat ${MODEL}`, attributes: called(hex(12)), id, parent: chain },
      }),
    ]
  }
  const tooled = (from) => [
    span(from, from + 50, { name: `execute_tool ${TOOL}`, attributes: tool, parent: chain }),
  ]
  return [
    ...[...call(10), ...tooled(120), ...call(180), ...tooled(290), ...call(350)],
    span(5, 460, { name: 'step', attributes: container, id: chain, parent: root }),
    span(0, 470, {
      ...{ name: 'invoke_agent Lead enrichment', id: root, parent: within?.root },
      attributes: within ? container : agent(userId),
    }),
  ]
}

/** Bodies of requests with the spans of this number of runs, as they end. */
export const bodies = (runs, encoding) => serialized(interleaved(runs), encoding)

/** The same spans in one trace, below one more span. */
export function trace(runs) {
  const within = { traceId: hex(16), root: hex(8) }
  const start = Date.now() - 2000
  const last = spanOf(within.traceId, {
    ...{ name: 'invoke_agent Lead enrichment', attributes: agent('user_1'), id: within.root },
    times: [start, start + 1900],
  })
  function* spans() {
    yield* interleaved(runs, within)
    yield last
  }
  return serialized(spans(), 'protobuf')
}

function* interleaved(runs, within) {
  for (let first = 0; first < runs; first += TOGETHER) {
    const size = Math.min(TOGETHER, runs - first)
    const start = Date.now() - 1000
    const group = Array.from({ length: size }, (_, n) => run(start + n, `user_${n}`, within))
    for (let k = 0; k < SPANS_PER_RUN; k++) yield* group.map((spans) => spans[k])
  }
}

function* serialized(spans, encoding) {
  const { serializeRequest } = encoding === 'json' ? JsonTraceSerializer : ProtobufTraceSerializer
  let waiting = []
  for (const span of spans) {
    waiting.push(span)
    if (waiting.length < BATCH) continue
    yield Buffer.from(serializeRequest(waiting))
    waiting = []
  }
  if (waiting.length > 0) yield Buffer.from(serializeRequest(waiting))
}
