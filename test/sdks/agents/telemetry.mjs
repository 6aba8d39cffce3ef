// How an application sets up OpenTelemetry: a provider, a processor and an OTLP exporter. The variables choose which.
import { SpanStatusCode, trace } from '@opentelemetry/api'
import { OTLPTraceExporter as JsonExporter } from '@opentelemetry/exporter-trace-otlp-http'
import { OTLPTraceExporter as ProtobufExporter } from '@opentelemetry/exporter-trace-otlp-proto'
import { resourceFromAttributes } from '@opentelemetry/resources'
import {
  BatchSpanProcessor,
  NodeTracerProvider,
  SimpleSpanProcessor,
} from '@opentelemetry/sdk-trace-node'

const { ENCODING, PROCESSOR, COMPRESSION = 'none' } = process.env
const Exporter = ENCODING === 'json' ? JsonExporter : ProtobufExporter
const exporter = new Exporter({ compression: COMPRESSION })
const processor =
  PROCESSOR === 'simple'
    ? new SimpleSpanProcessor(exporter)
    : new BatchSpanProcessor(exporter, { maxExportBatchSize: 3 })

export const provider = new NodeTracerProvider({
  resource: resourceFromAttributes({ 'service.name': 'weather' }),
  spanProcessors: [processor],
})
provider.register()

/** Runs an agent in a span of its own, the root of its trace. An error fails the span and ends there. */
export const traced = (name, attributes, agent) =>
  trace.getTracer('app').startActiveSpan(name, { attributes }, async (span) => {
    try {
      await agent()
    } catch (error) {
      span.recordException(error)
      span.setStatus({ code: SpanStatusCode.ERROR, message: error.message })
    }
    span.end()
  })
