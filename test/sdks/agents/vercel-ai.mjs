// Agents of the Vercel AI SDK, each in a trace of its own.
import { anthropic } from '@ai-sdk/anthropic'
import { openai } from '@ai-sdk/openai'
import { OpenTelemetry } from '@ai-sdk/otel'
import { generateText, isStepCount, jsonSchema, registerTelemetry, streamText, tool } from 'ai'
import { provider } from './telemetry.mjs'

registerTelemetry(
  new OpenTelemetry({
    usage: process.env.AI_USAGE === '1',
    enrichSpan: ({ runtimeContext }) => ({ 'user.id': runtimeContext?.userId }),
  }),
)
const inputSchema = jsonSchema({ type: 'object', properties: { city: { type: 'string' } } })
const weather = tool({ inputSchema, execute: async () => 'rain' })
const broken = tool({
  inputSchema,
  execute: async () => {
    throw new Error('the weather service is closed')
  },
})
const settings = (functionId, model, rest) => ({
  model,
  prompt: 'How is the weather in Paris?',
  telemetry: { functionId, includeRuntimeContext: { userId: true } },
  runtimeContext: { userId: 'user-7' },
  stopWhen: isStepCount(5),
  ...rest,
})
const research = tool({
  inputSchema,
  execute: async () => {
    const model = openai('gpt-4o-mini')
    const { text } = await generateText(settings('researcher', model, { tools: { weather } }))
    return text
  },
})

await generateText(settings('loop', openai('gpt-5'), { tools: { research } }))
await generateText(settings('chat', openai.chat('gpt-5'), { tools: { weather } }))
await generateText(settings('cached', anthropic('claude-sonnet-4-5'), { tools: { weather } }))
await generateText(settings('tool fails', openai('gpt-4o-mini'), { tools: { broken } }))
await generateText(settings('retried', openai('gpt-5'), { prompt: 'BUSY' }))
for (const model of [openai('gpt-5'), openai.chat('gpt-4o-mini'), anthropic('claude-sonnet-4-5')]) {
  await streamText(settings('streamed', model, { tools: { weather } })).text
}
await generateText(settings('failed', openai('gpt-9'), {})).catch(() => {})
await provider.shutdown()
