// An agent on the client of OpenAI. The instrumentation records its calls; the spans of the agent and its tool are ours.
import { traced } from './telemetry.mjs'

const tools = [
  {
    type: 'function',
    function: { name: 'weather', parameters: { type: 'object', properties: {} } },
  },
]

/** Calls the model and its tool until there is an answer. */
export async function chat(client, model, tool, rest = {}) {
  const messages = [{ role: 'user', content: 'How is the weather in Paris?' }]
  for (;;) {
    const answer = await client.chat.completions.create({ model, messages, tools, ...rest })
    const { message } = answer.choices[0]
    messages.push(message)
    if (!message.tool_calls) return message.content
    for (const call of message.tool_calls) {
      messages.push({ role: 'tool', tool_call_id: call.id, content: 'rain' })
      await traced('weather', tool, async () => {})
    }
  }
}

/** A run of two models, one that is retried, and one that fails. */
export async function run(client, { root, tool }) {
  await traced('weather-agent', root, async () => {
    await chat(client, 'gpt-5', tool)
    await chat(client, 'gpt-4o-mini', tool)
  })
  await traced('retried', root, async () => {
    const messages = [{ role: 'user', content: 'BUSY' }]
    await client.chat.completions.create({ model: 'gpt-5', messages })
  })
  await traced('failed', root, async () => {
    await chat(client, 'gpt-5', tool)
    await chat(client, 'gpt-9', tool)
  })
}

/** A streamed chat: the server sends its usage, because the client asks for it. */
export async function stream(client, root) {
  await traced('streamed chat', root, async () => {
    const chunks = await client.chat.completions.create({
      model: 'gpt-5',
      messages: [{ role: 'user', content: 'Hello' }],
      stream: true,
      stream_options: { include_usage: true },
    })
    for await (const _ of chunks);
  })
}
