import { OTLPTraceExporter as JsonExporter } from '@opentelemetry/exporter-trace-otlp-http'
import { OTLPTraceExporter as ProtobufExporter } from '@opentelemetry/exporter-trace-otlp-proto'
import {
  BatchSpanProcessor,
  NodeTracerProvider,
  type SpanExporter,
} from '@opentelemetry/sdk-trace-node'
import { expect, it } from 'vitest'
import { NONE_REJECTED } from '../../src/record/otel/decode/rejected.ts'
import type { Span } from '../../src/record/otel/types.ts'
import { listen } from '../../src/server/listen.ts'
import { otlpHandler } from '../../src/server/otlp.ts'
import { serve } from './serving.ts'

/** Two spans with attributes, an event, a link and an error, exported as an application does. */
async function exportSpans(exporter: SpanExporter) {
  const provider = new NodeTracerProvider({ spanProcessors: [new BatchSpanProcessor(exporter)] })
  const tracer = provider.getTracer('test', '1.2.3')
  const root = tracer.startSpan('root', { attributes: { text: 'ä😀', list: ['a', 'b'] } })
  const chat = tracer.startSpan('chat', {
    root: true,
    links: [{ context: root.spanContext() }],
    attributes: { tokens: 12, ratio: 0.5, yes: true, large: 2 ** 60 },
  })
  chat.recordException(new TypeError('it broke'))
  chat.setStatus({ code: 2, message: 'it broke' })
  chat.end()
  root.end()
  await provider.forceFlush()
  await provider.shutdown()
  return { root: root.spanContext(), chat: chat.spanContext() }
}

function check(spans: readonly Span[], { root, chat }: Awaited<ReturnType<typeof exportSpans>>) {
  const [first, second] = spans
  expect(spans).toHaveLength(2)
  expect(first).toMatchObject({
    traceId: chat.traceId,
    spanId: chat.spanId,
    parentSpanId: null,
    name: 'chat',
    scope: { name: 'test', version: '1.2.3' },
    attributes: { tokens: 12, ratio: 0.5, yes: true },
    status: { code: 2, message: 'it broke' },
    links: [{ traceId: root.traceId, spanId: root.spanId }],
    events: [
      {
        name: 'exception',
        attributes: { 'exception.type': 'TypeError', 'exception.message': 'it broke' },
      },
    ],
  })
  expect(Number(first?.attributes.large)).toBe(2 ** 60)
  expect(second).toMatchObject({
    traceId: root.traceId,
    spanId: root.spanId,
    attributes: { text: 'ä😀', list: ['a', 'b'] },
  })
  expect(second?.resource['telemetry.sdk.language']).toBe('nodejs')
  for (const { startTime, endTime } of spans) {
    expect(startTime).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/)
    expect(endTime >= startTime).toBe(true)
  }
}

it.each([
  ['JSON', JsonExporter, 'none'],
  ['JSON with gzip', JsonExporter, 'gzip'],
  ['protobuf', ProtobufExporter, 'none'],
  ['protobuf with gzip', ProtobufExporter, 'gzip'],
] as const)(
  'the exporter of OpenTelemetry for %s is understood',
  async (_, Exporter, compression) => {
    const server = await serve()
    const options = { url: `${server.url}/v1/traces`, compression } as { url: string }
    check(server.spans, await exportSpans(new Exporter(options)))
    await server.close()
  },
)

it('an exporter that gets 429 sends the spans again after the time of Retry-After', async () => {
  const spans: Span[] = []
  const ingest = async (given: readonly Span[]) => {
    spans.push(...given)
    return NONE_REJECTED
  }
  const handlers = [
    otlpHandler({ ingest, queue: { requests: 0, bytes: 0 } }),
    otlpHandler({ ingest }),
  ]
  let requests = 0
  const { port, close } = await listen(
    (request, response, context) => {
      const handler = handlers[Math.min(requests++, 1)]
      return handler?.(request, response, context) ?? Promise.resolve()
    },
    { host: '127.0.0.1', port: 0 },
  )
  const exporter = new ProtobufExporter({ url: `http://127.0.0.1:${port}/v1/traces` })
  check(spans, await exportSpans(exporter))
  expect(requests).toBe(2)
  await close()
})
