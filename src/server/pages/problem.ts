import { type ErrorCode, WfstoreError } from '../../error.ts'
import { html, readable } from '../markup/markup.ts'
import type { Site } from '../site.ts'
import { framed, type PageContext, type PagePath, type PageStatus } from './frame.ts'

/** What went wrong, for people. */
export interface Problem {
  status: PageStatus
  title: string
  message: string
  hint: string | undefined
}

const AWAY = [503, 'The database cannot be read'] as const
const KINDS: Partial<Record<ErrorCode, readonly [PageStatus, title: string]>> = {
  usage: [400, 'This address is not valid'],
  not_found: [404, 'Not found'],
  conflict: [409, 'This is not possible'],
  locked: [503, 'The server is busy'],
  permission_denied: [403, 'The database refuses this'],
  access_denied: AWAY,
  no_database: AWAY,
  unreachable: AWAY,
  database_missing: AWAY,
  schema_missing: AWAY,
  schema_behind: AWAY,
  schema_ahead: AWAY,
  schema_differs: AWAY,
}

/** SQLSTATE of a statement that took longer than statement_timeout. */
const TIMED_OUT = '57014'

export function problemOf(error: unknown): Problem {
  if (!(error instanceof WfstoreError)) {
    const hint = 'see the log of the server'
    return { status: 500, title: 'This page failed', message: 'an unexpected error', hint }
  }
  const { code, message, hint, sqlState } = error
  if (sqlState === TIMED_OUT) {
    const narrower = 'choose a shorter time or another filter'
    return { status: 504, title: 'This takes too long', message, hint: narrower }
  }
  const [status, title] = KINDS[code] ?? [500, 'This page failed']
  return { status, title, message, hint }
}

interface ProblemFrame {
  current?: PagePath | undefined
  database?: string | undefined
}

/** The page of an error. The operator of the server learns about those that are not the reader's. */
export function problemPage(
  context: PageContext,
  site: Site,
  error: unknown,
  frame: ProblemFrame = {},
): Response {
  const { status, title, message, hint } = problemOf(error)
  if (status >= 500) site.onError(error)
  return framed(context, site, {
    ...frame,
    title,
    status,
    ...(status === 503 && { headers: { 'retry-after': '5' } }),
    body: html`<div class="problem"><p>${sentence(readable(message))}</p>
${hint !== undefined && html`<p class="hint">${sentence(hint)}</p>`}</div>
<p class="note">${status === 400 ? html`<a href="${new URL(context.req.url).pathname}">Without parameters</a>` : html`<a href="${site.basePath}/">Now</a>`}</p>`,
  })
}

/** An error is a line of a command line: on a page it is a sentence. */
export const sentence = (line: string) =>
  `${line.charAt(0).toUpperCase()}${line.slice(1)}${/[.!?…]$/.test(line) ? '' : '.'}`
