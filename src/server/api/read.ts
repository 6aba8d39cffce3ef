import { createHash } from 'node:crypto'
import type { Context } from 'hono'
import { guardStream } from '../../cli/output/stream.ts'
import { WfstoreError } from '../../error.ts'
import type { Site, SiteConnection, SiteEnv } from '../site.ts'
import { type AnswerFormat, type ApiEndpoint, FORMATS } from './endpoints.ts'
import { contentTypeOf, MEDIA_TYPES, negotiate } from './negotiate.ts'
import { noteHeader } from './notes.ts'
import { refusalOf, refuse } from './refusal.ts'
import { runOutput } from './run-output.ts'
import { assertNoFlag, wordsOf } from './words.ts'

/** Answers a GET with the output of the command. */
export async function answerRead(
  context: Context<SiteEnv>,
  site: Site,
  endpoint: ApiEndpoint,
): Promise<Response> {
  try {
    const format = askedFormat(context, endpoint.formats ?? FORMATS)
    if (!format) return refuse(notAcceptable(endpoint.formats ?? FORMATS))
    const words = await askedWords(context, site, endpoint, format)
    const notes: string[] = []
    let read: string[] = []
    const { database } = site
    const { reads } = await site.commandLine.describe(endpoint.command)
    const found: { nextCursor?: string } = {}
    const note = (line: string) => notes.push(line)
    const nextCursor = (cursor: string) => {
      found.nextCursor = cursor
    }
    const ran = await runOutput(context, site, (stdout, signal) => {
      const work = (given: SiteConnection) => {
        read = given.from ? [given.from.note] : []
        notes.splice(0, notes.length, ...read)
        const connection =
          context.req.param('id') === undefined ? given : { ...given, run: given.byId }
        return site.commandLine.run({ words, connection, stdout, note, nextCursor, signal })
      }
      if (!reads) return database.read(signal, work)
      return database.report(signal, work, () => !guardStream(stdout).used())
    })
    if ('text' in ran) return whole(context, ran.text, { format, notes, ...found })
    // A stream has no ETag, no next link, and of the notes only where it is read from, which is known before it begins.
    const from = noteHeader(read)
    return new Response(ran.stream, {
      headers: { ...headersOf(format), ...(from !== undefined && { 'wfstore-note': from }) },
    })
  } catch (error) {
    const refusal = refusalOf(error)
    if (refusal.status >= 500 && !context.req.raw.signal.aborted) site.onError(error)
    return refuse(refusal)
  }
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
  assertNoFlag(id)
  return [...command, ...fixed, ...output, ...parameters, ...(id === undefined ? [] : [id])]
}

interface Whole {
  format: AnswerFormat
  notes: readonly string[]
  nextCursor?: string
}

function whole(context: Context<SiteEnv>, body: string, { format, notes, nextCursor }: Whole) {
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
