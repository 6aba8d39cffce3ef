import { WfstoreError } from '../../error.ts'
import { html, readable } from '../markup/markup.ts'
import type { Site } from '../site.ts'
import { type ErrorStatus, retryAfter, statusOf } from '../status.ts'
import { framed, type PageContext, type PagePath, type PageStatus } from './frame.ts'

/** What went wrong, for people. */
export interface Problem {
  status: PageStatus
  title: string
  message: string
  hint: string | undefined
}

const TITLES: Record<ErrorStatus, string> = {
  400: 'This address is not valid',
  403: 'The database refuses this',
  404: 'Not found',
  409: 'This is not possible',
  500: 'This page failed',
  503: 'The database cannot be read',
  504: 'This takes too long',
}

export function problemOf(error: unknown): Problem {
  const status = statusOf(error)
  if (!(error instanceof WfstoreError)) {
    const hint = 'see the log of the server'
    return { status, title: TITLES[status], message: 'an unexpected error', hint }
  }
  const { code, message } = error
  const hint = status === 504 ? 'choose a shorter time or another filter' : error.hint
  return { status, title: code === 'locked' ? 'The server is busy' : TITLES[status], message, hint }
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
  if (status >= 500 && !context.req.raw.signal.aborted) site.onError(error)
  const { pathname, search } = new URL(context.req.url)
  return framed(context, site, {
    ...frame,
    title,
    status,
    ...(status === 503 && { headers: { 'retry-after': retryAfter(error) } }),
    body: html`<div class="problem"><p>${sentence(readable(message))}</p>
${hint !== undefined && html`<p class="hint">${sentence(hint)}</p>`}</div>
<p class="note">${status === 400 && search ? html`<a href="${pathname}">Without parameters</a>` : html`<a href="${site.basePath}/">Now</a>`}</p>`,
  })
}

/** An error is a line of a command line: on a page it is a sentence. */
export const sentence = (line: string) =>
  `${line.charAt(0).toUpperCase()}${line.slice(1)}${/[.!?…]$/.test(line) ? '' : '.'}`
