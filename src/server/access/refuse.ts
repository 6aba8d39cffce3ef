import type { Context } from 'hono'
import { WfstoreError } from '../../error.ts'
import type { SiteEnv } from '../site.ts'
import { type ErrorStatus, retryAfter, statusOf } from '../status.ts'

/** True for a browser that goes to a page. */
export const wantsPage = ({ method, headers }: Request): boolean =>
  /^(GET|HEAD)$/.test(method) && /\btext\/html\b/.test(headers.get('accept') ?? '')

/** The answer to an error. What is unknown, and so could contain anything, is not shown. */
export function refuse(
  context: Context<SiteEnv>,
  error: unknown,
  status: ErrorStatus | 401 | 413 = statusOf(error),
): Response {
  const known =
    error instanceof WfstoreError
      ? error
      : new WfstoreError('failed', 'the server has an error of its own')
  const { code, message, hint } = known
  if (status === 401) context.header('www-authenticate', 'Bearer realm="wfstore"')
  if (status === 503) context.header('retry-after', retryAfter(error))
  if (wantsPage(context.req.raw))
    return context.text([message, hint].filter(Boolean).join('\n'), status)
  return context.json({ error: { code, message, ...(hint === undefined ? {} : { hint }) } }, status)
}
