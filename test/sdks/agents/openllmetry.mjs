// The instrumentation of OpenLLMetry (Traceloop) on the client of OpenAI.
import { OpenAIInstrumentation } from '@traceloop/instrumentation-openai'
import OpenAI from 'openai'
import { run, stream } from './openai-agent.mjs'
import { provider } from './telemetry.mjs'

// The default of the whole SDK, which reads this variable.
const enrichTokens = process.env.TRACELOOP_ENRICH_TOKENS !== 'false'
const instrumentation = new OpenAIInstrumentation({ enrichTokens })
instrumentation.setTracerProvider(provider)
instrumentation.manuallyInstrument(OpenAI)
const client = new OpenAI()

const root = {
  'traceloop.span.kind': 'workflow',
  'traceloop.workflow.name': 'weather-agent',
  'traceloop.association.properties.user_id': 'user-7',
}
await run(client, {
  root,
  tool: { 'traceloop.span.kind': 'tool', 'traceloop.entity.name': 'weather' },
})
if (process.env.STREAM === '1') await stream(client, root)
await provider.shutdown()
