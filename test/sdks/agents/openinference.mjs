// OpenInference on the client of OpenAI, with chat completions and responses.
import { OpenAIInstrumentation } from '@arizeai/openinference-instrumentation-openai'
import OpenAI from 'openai'
import { run, stream } from './openai-agent.mjs'
import { provider, traced } from './telemetry.mjs'

const instrumentation = new OpenAIInstrumentation()
instrumentation.setTracerProvider(provider)
instrumentation.manuallyInstrument(OpenAI)
const client = new OpenAI()

const root = { 'openinference.span.kind': 'AGENT', 'user.id': 'user-7', 'session.id': 'session-1' }
await run(client, {
  root,
  tool: { 'openinference.span.kind': 'TOOL', 'tool.name': 'weather' },
})
await traced('responses', root, async () => {
  await client.responses.create({ model: 'gpt-5', input: 'Hello' })
  const events = await client.responses.create({ model: 'gpt-5', input: 'Hello', stream: true })
  for await (const _ of events);
})
if (process.env.STREAM === '1') await stream(client, root)
await provider.shutdown()
