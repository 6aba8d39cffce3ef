import { retryAfter, shownError, statusOf } from '../status.ts'

/** What a client gets instead of an answer. */
export interface ApiRefusal {
  status: number
  code: string
  message: string
  hint?: string | undefined
  headers?: Record<string, string>
}

/** The refusal for an error. */
export function refusalOf(error: unknown, kind: 'read' | 'action' = 'read'): ApiRefusal {
  const { code, message, hint } = shownError(error)
  const status = statusOf(error)
  // Another action may run for long; a read only waits for its turn.
  if (code === 'locked' && kind === 'action') return { status: 409, code, message, hint }
  const headers = status === 503 ? { 'retry-after': retryAfter(error) } : undefined
  return { status, code, message, hint, ...(headers && { headers }) }
}

export function refuse({ status, code, message, hint, headers }: ApiRefusal): Response {
  const body = `${JSON.stringify({ error: { code, message, hint } })}\n`
  return new Response(body, {
    status,
    headers: { 'content-type': 'application/json', ...headers },
  })
}
