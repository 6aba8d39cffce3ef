import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import type { Answer, Api, Body, Used } from './answers/answer.ts'
import { anthropicMessages } from './answers/anthropic.ts'
import { openaiChat } from './answers/openai-chat.ts'
import { openaiResponses } from './answers/openai-responses.ts'

/** A call that the server has answered: the truth that the store is compared with. */
export interface Answered {
  api: string
  /** As a provider answers it: with a date. */
  model: string
  responseId: string
  status: number
  stream: boolean
  /** null if the call failed. */
  used: Used | null
}

const APIS: Record<string, Api> = {
  '/v1/chat/completions': openaiChat,
  '/v1/responses': openaiResponses,
  '/v1/messages': anthropicMessages,
}
const DATED: Record<string, string> = {
  'gpt-5': 'gpt-5-2025-08-07',
  'gpt-4o-mini': 'gpt-4o-mini-2024-07-18',
  'claude-sonnet-4-5': 'claude-sonnet-4-5-20250929',
}

/**
 * A server with the APIs of OpenAI and Anthropic. A request that offers tools is answered with a call of the first one,
 * until it has a result. A request that contains the word BUSY is refused with 429 the first time. A model that is not
 * known is an error 404. Each answer has other numbers of tokens.
 */
export async function startModelServer() {
  const log: Answered[] = []
  const refused = new Set<string>()
  const server = createServer((request, response) => {
    void answer(request, response).catch((error: Error) => response.destroy(error))
  })

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = (request.url ?? '').replace(/\?.*/, '')
    const api = APIS[path]
    const sent = await text(request)
    if (!api) return void response.writeHead(404).end()
    const body = JSON.parse(sent) as Body
    const model = DATED[String(body.model)]
    const stream = body.stream === true
    const number = log.length + 1
    const id = `${api.idPrefix}${randomUUID().replaceAll('-', '')}`
    const logged = { api: path, model: model ?? String(body.model), responseId: id, stream }
    const refuse = (status: number, message: string) => {
      log.push({ ...logged, status, used: null })
      response.writeHead(status, { 'content-type': 'application/json', 'retry-after-ms': '1' })
      response.end(JSON.stringify(api.error(status, message)))
    }
    if (model === undefined) return refuse(404, `The model ${body.model} does not exist`)
    if (sent.includes('BUSY') && !refused.has(sent)) {
      refused.add(sent)
      return refuse(429, 'Rate limit reached')
    }
    const used: Used = {
      input: 1000 + number,
      cacheRead: 0,
      cacheWrite: 0,
      output: 20,
      reasoning: 0,
    }
    for (const name of api.reports.filter((name) => name !== 'input'))
      used[name] = 100 * (api.reports.indexOf(name) + 1) + number
    if (number === 1) used.cacheRead = 0
    log.push({ ...logged, status: 200, used })
    const [tool] = api.hasResult(body) ? [] : api.toolsOf(body)
    const full: Answer = {
      id,
      model,
      text: 'It rains.',
      tool: tool === undefined ? undefined : toolCall(number, tool),
      used,
      stream,
    }
    if (!stream) {
      response.writeHead(200, {
        'content-type': 'application/json',
        'x-request-id': `req_${number}`,
      })
      return void response.end(JSON.stringify(api.whole(full, body)))
    }
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    for (const { event, data } of api.events(full, body)) {
      const line = typeof data === 'string' ? data : JSON.stringify(data)
      response.write(`${event === undefined ? '' : `event: ${event}\n`}data: ${line}\n\n`)
    }
    response.end()
  }

  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    log,
    stop: async () => {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}

const toolCall = (number: number, name: string) => ({
  id: `call_${number}`,
  name,
  arguments: JSON.stringify({ city: 'Paris' }),
})
