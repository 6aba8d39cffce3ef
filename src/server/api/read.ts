import { createHash } from 'node:crypto'
import type { Context } from 'hono'
import { WfstoreError } from '../../error.ts'
import type { Site, SiteEnv } from '../site.ts'
import { type AnswerFormat, type ApiEndpoint, FORMATS } from './endpoints.ts'
import { contentTypeOf, MEDIA_TYPES, negotiate } from './negotiate.ts'
import { noteHeader } from './notes.ts'
import { holdOutput, type Output } from './output.ts'
import { refusalOf, refuse } from './refusal.ts'
import { wordsOf } from './words.ts'

/** A longer answer is streamed: then it has no ETag, no next link and no notes. */
const HELD = 1024 * 1024

/** Answers a GET with the output of the command. */
export async function answerRead(
  context: Context<SiteEnv>,
  site: Site,
  endpoint: ApiEndpoint,
): Promise<Response> {
  const left = new AbortController()
  const { signal: request } = context.req.raw
  try {
    const format = askedFormat(context, endpoint.formats ?? FORMATS)
    if (!format) return refuse(notAcceptable(endpoint.formats ?? FORMATS))
    const words = await askedWords(context, site, endpoint, format)
    const { signal } = left
    request.addEventListener('abort', () => left.abort(request.reason), { once: true })
    if (request.aborted) left.abort(request.reason)
    const output = holdOutput(HELD, (reason) => left.abort(reason))
    const notes: string[] = []
    const found: { nextCursor?: string } = {}
    const running = site.database
      .read(signal, (connection) =>
        site.commandLine.run({
          words,
          connection,
          stdout: output.stdout,
          note: (line) => notes.push(line),
          nextCursor: (cursor) => {
            found.nextCursor = cursor
          },
          signal,
        }),
      )
      .then(
        () => output.end(),
        (error) => {
          breakOff(context, output)
          throw error
        },
      )
    const stream = await Promise.race([output.opened, running])
    if (!stream) return whole(context, output, { format, notes, ...found })
    running.catch((error) => {
      if (!signal.aborted) site.onError(error)
    })
    const isHead = context.req.raw.method === 'HEAD'
    if (isHead) await stream.cancel()
    return new Response(isHead ? null : stream, { headers: headersOf(format) })
  } catch (error) {
    const refusal = refusalOf(error)
    if (refusal.status >= 500 && !request.aborted) site.onError(error)
    return refuse(refusal)
  }
}

/**
 * Ends a stream so that the client sees a broken connection: a part must not look like the whole. A server of node:http would
 * write the error of the stream into the answer, so its connection is closed here.
 */
function breakOff({ env }: Context<SiteEnv>, output: Output): void {
  const { outgoing } = (env ?? {}) as { outgoing?: { destroy: () => void; headersSent: boolean } }
  if (outgoing?.headersSent) outgoing.destroy()
  else output.end(new Error('the answer is incomplete'))
}

/** The parameter is for links, which cannot have a header. @throws WfstoreError usage */
function askedFormat(
  { req }: Context<SiteEnv>,
  formats: readonly AnswerFormat[],
): AnswerFormat | undefined {
  const outputs = req.queries('output')
  if (!outputs) return negotiate(req.header('accept'), formats)
  const format = formats.find((each) => each === outputs[0])
  if (format && outputs.length === 1) return format
  throw new WfstoreError(
    'usage',
    `the value of output is invalid: ${JSON.stringify(outputs.join())}`,
    {
      hint: `use one of ${formats.join(', ')}`,
    },
  )
}

const notAcceptable = (formats: readonly AnswerFormat[]) => ({
  status: 406,
  code: 'not_acceptable',
  message: 'none of the types in the header Accept is available',
  hint: `use one of ${formats.map((format) => MEDIA_TYPES[format]).join(', ')}`,
})

/** The command line of a request. @throws WfstoreError usage */
async function askedWords(
  { req }: Context<SiteEnv>,
  { commandLine }: Site,
  { command, fixed = [], without }: ApiEndpoint,
  format: AnswerFormat,
): Promise<string[]> {
  const { searchParams } = new URL(req.url)
  searchParams.delete('output')
  const parameters = wordsOf(await commandLine.describe(command), searchParams, without)
  const output = format === 'html' ? [] : [`--output=${format}`]
  const id = req.param('id')
  // It would be another flag.
  if (id?.startsWith('-')) throw notAnId(id)
  return [...command, ...fixed, ...output, ...parameters, ...(id === undefined ? [] : [id])]
}

const notAnId = (id: string) =>
  new WfstoreError('usage', `${JSON.stringify(id)} is not an id`, {
    hint: 'use a UUID, or at least its first 8 characters',
  })

interface Whole {
  format: AnswerFormat
  notes: readonly string[]
  nextCursor?: string
}

function whole(context: Context<SiteEnv>, output: Output, { format, notes, nextCursor }: Whole) {
  const body = output.text()
  const etag = `"${createHash('sha256').update(body).digest('base64url').slice(0, 27)}"`
  const note = noteHeader(notes)
  const headers = {
    ...headersOf(format),
    etag,
    ...(note !== undefined && { 'wfstore-note': note }),
    ...(nextCursor !== undefined && { link: nextLink(context.req.url, nextCursor) }),
  }
  const isKnown = matches(context.req.header('if-none-match'), etag)
  return isKnown ? new Response(null, { status: 304, headers }) : new Response(body, { headers })
}

const headersOf = (format: AnswerFormat) => ({
  'content-type': contentTypeOf(format),
  vary: 'accept',
})

/** RFC 9110, section 13.1.2. */
const matches = (header: string | undefined, etag: string): boolean =>
  header?.split(',').some((each) => ['*', etag].includes(each.trim().replace(/^W\//, ''))) ?? false

/** RFC 8288. It is relative, because a proxy may have given the server another name. */
function nextLink(url: string, cursor: string): string {
  const next = new URL(url)
  next.searchParams.set('cursor', cursor)
  return `<${next.pathname}${next.search}>; rel="next"`
}
