import type { Context } from 'hono'
import type { SiteEnv } from '../site.ts'
import { type ErrorStatus, retryAfter, shownError, statusOf } from '../status.ts'

/** True for a browser that goes to a page. */
export const wantsPage = ({ method, headers }: Request): boolean =>
  /^(GET|HEAD)$/.test(method) && /\btext\/html\b/.test(headers.get('accept') ?? '')

/** The answer to an error. */
export function refuse(
  context: Context<SiteEnv>,
  error: unknown,
  status: ErrorStatus | 401 | 413 = statusOf(error),
): Response {
  const { code, message, hint } = shownError(error)
  if (status === 401) context.header('www-authenticate', 'Bearer realm="wfstore"')
  if (status === 503) context.header('retry-after', retryAfter(error))
  if (wantsPage(context.req.raw))
    return context.text([message, hint].filter(Boolean).join('\n'), status)
  return context.json({ error: { code, message, ...(hint === undefined ? {} : { hint }) } }, status)
}
