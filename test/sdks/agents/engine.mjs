// An engine that records its run with the library, while the AI SDK traces it.
import { openai } from '@ai-sdk/openai'
import { OpenTelemetry } from '@ai-sdk/otel'
import { trace } from '@opentelemetry/api'
import { generateText, registerTelemetry } from 'ai'
import { executionIdOf, openStore, tokensFrom } from 'wfstore'
import { provider, traced } from './telemetry.mjs'

registerTelemetry(new OpenTelemetry({ usage: true }))
const store = openStore({ databaseUrl: process.env.DATABASE_URL })

await traced('lead-enrichment', {}, async () => {
  const { traceId } = trace.getActiveSpan().spanContext()
  const about = {
    executionId: executionIdOf(traceId),
    workflowName: 'Lead enrichment',
    userId: 'user_7',
    mode: 'Sales',
    modelId: 'gpt-5',
    metadata: { traceId },
  }
  await store.run(about, (run) =>
    run.step({ stepNumber: 1, stepName: 'search' }, async (step) => {
      const settings = { model: openai('gpt-5'), prompt: 'Hello' }
      const { totalUsage, response } = await generateText(settings)
      const tokens = tokensFrom('ai-sdk', totalUsage)
      await step.finish({ status: 'success', modelId: response.modelId, tokens })
    }),
  )
})
await provider.shutdown()
await store.close()
