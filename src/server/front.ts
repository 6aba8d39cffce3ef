import type { IncomingMessage, ServerResponse } from 'node:http'
import { getRequestListener } from '@hono/node-server'
import { RESPONSE_ALREADY_SENT } from '@hono/node-server/utils/response'
import { hostName } from './access/origin.ts'
import { sendAnswer } from './answer.ts'
import type { Handler } from './listen.ts'
import { OTLP_PATHS } from './otlp.ts'
import { type SendOptions, send } from './send.ts'

export interface FrontOptions extends SendOptions {
  /** Answers a request. `env` has the request of Node. */
  fetch: (request: Request, env: { incoming: IncomingMessage }) => Response | Promise<Response>
  /** The names that a Host header may have (default: any). Another one comes from a site that has taken an address of ours. */
  hosts?: ReadonlySet<string> | undefined
  /** Takes traces at the paths of OTLP, below the base path. */
  otlp?: Handler | undefined
  basePath?: string
}

/** What comes before the routes: the name of the server, the paths of OTLP, and the end of the server. */
export function front({ fetch, hosts, otlp, basePath = '', ...sending }: FrontOptions): Handler {
  const answer = getRequestListener(
    async (request, { incoming, outgoing }) => {
      const response = await fetch(request, { incoming: incoming as IncomingMessage })
      await send(response, outgoing as ServerResponse, sending)
      // A copy is of Node's own class, also where this adapter has replaced Response: it would send its own class again.
      return RESPONSE_ALREADY_SENT.clone()
    },
    // Its own objects would replace those of this process.
    { overrideGlobalObjects: false, errorHandler: () => new Response(null, { status: 400 }) },
  )

  return async (request, response, { waits = false, closing = () => false } = {}) => {
    const { url = '', headers } = request
    const [path] = url.split('?') as [string]
    if (hosts && !hosts.has(hostName(headers.host ?? '')))
      return say(request, response, waits, 421, MISDIRECTED)
    if (otlp && OTLP_PATHS.some((own) => path === basePath + own)) {
      request.url = url.slice(basePath.length)
      return otlp(request, response, { waits, closing })
    }
    if (closing()) return say(request, response, waits, 503, 'the server is stopping')
    if (waits) response.writeContinue()
    await answer(request, response)
    if (!response.closed) await new Promise((resolve) => response.once('close', resolve))
  }
}

const MISDIRECTED =
  'this server is not known by the name in the address; allow it with `wfstore serve --host <name>`'

const say = (
  request: IncomingMessage,
  response: ServerResponse,
  waits: boolean,
  status: number,
  text: string,
) =>
  sendAnswer(
    request,
    response,
    {
      status,
      contentType: 'text/plain; charset=utf-8',
      body: Buffer.from(`${text}\n`),
      headers: {
        'x-content-type-options': 'nosniff',
        ...(status === 503 && { 'retry-after': '5' }),
      },
    },
    waits,
  )
