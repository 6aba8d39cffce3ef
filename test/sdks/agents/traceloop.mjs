// The whole SDK of Traceloop: a run whose tool throws.
import * as traceloop from '@traceloop/node-server-sdk'
import OpenAI from 'openai'

traceloop.initialize({ appName: 'weather', instrumentModules: { openAI: OpenAI } })
const client = new OpenAI()
const workflow = { name: 'weather-report', associationProperties: { user_id: 'user-7' } }
await traceloop
  .withWorkflow(workflow, async () => {
    const messages = [{ role: 'user', content: 'Hello' }]
    await client.chat.completions.create({ model: 'gpt-5', messages })
    await traceloop.withTool({ name: 'weather' }, async () => {
      throw new Error('the weather service is closed')
    })
  })
  .catch(() => {})
await traceloop.forceFlush()
