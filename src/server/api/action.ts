import { createHash } from 'node:crypto'
import type { Context } from 'hono'
import { WfstoreError } from '../../error.ts'
import {
  type ActionAnswer,
  type ActionRequest,
  beginRequest,
  endRequest,
  failRequest,
  findRequest,
  withRequestLock,
} from '../../queries/requests.ts'
import type { Site, SiteConnection, SiteEnv } from '../site.ts'
import type { ApiEndpoint } from './endpoints.ts'
import { negotiate } from './negotiate.ts'
import { noteHeader } from './notes.ts'
import { holdOutput } from './output.ts'
import { pairsOf, parametersIn } from './parameters.ts'
import { type ApiRefusal, refusalOf, refuse } from './refusal.ts'
import { assertNoFlag, wordsOf } from './words.ts'

/** What a request asks for, after its check. */
interface Asked extends ActionRequest {
  words: readonly string[]
  isDryRun: boolean
}

/**
 * Carries out the action of a POST, once for each Idempotency-Key: the same request gets the stored answer again. A client that
 * leaves does not cancel it.
 */
export async function answerAction(
  context: Context<SiteEnv>,
  site: Site,
  endpoint: ApiEndpoint,
): Promise<Response> {
  try {
    const refusal = refusalFor(context, site)
    if (refusal) return refuse(refusal)
    const asked = await readRequest(context, site, endpoint)
    const { signal } = new AbortController()
    return await site.database.write(signal, async (connection) =>
      asked.isDryRun
        ? answerOf(await carryOut(site, connection, asked))
        : once(site, connection, asked),
    )
  } catch (error) {
    const refusal = refusalOf(error, 'action')
    if (refusal.status >= 500) site.onError(error)
    return refuse(refusal)
  }
}

const forbidden = (message: string, hint: string): ApiRefusal => ({
  ...{ status: 403, code: 'permission_denied', message, hint },
})

function refusalFor({ req, get }: Context<SiteEnv>, { allowWrites }: Site): ApiRefusal | undefined {
  const { name, can } = get('caller')
  if (!allowWrites)
    return forbidden('this server carries out no actions', 'start it with --allow-writes')
  if (can !== 'write')
    return forbidden(
      `${name} may only read`,
      'use a token that may write: `wfstore token create --can write`',
    )
  // A form of another site cannot have this type.
  if (!/^application\/json *(;|$)/i.test(req.header('content-type') ?? ''))
    return {
      ...{ status: 415, code: 'unsupported_media_type', message: 'the body is not JSON' },
      hint: 'send the header Content-Type: application/json',
    }
  if (negotiate(req.header('accept'), ['json']) === undefined)
    return {
      ...{ status: 406, code: 'not_acceptable', message: 'an action answers only JSON' },
      hint: 'send the header Accept: application/json',
    }
  return undefined
}

/** @throws WfstoreError usage */
async function readRequest(
  { req, get }: Context<SiteEnv>,
  { commandLine }: Site,
  { command, fixed = [], without }: ApiEndpoint,
): Promise<Asked> {
  const [inAddress] = new URL(req.url).searchParams.keys()
  if (inAddress !== undefined)
    throw new WfstoreError('usage', `${inAddress} is in the address`, {
      hint: 'send the parameters of an action in its body',
    })
  const { id, ...named } = req.param() as Record<string, string>
  assertNoFlag(id)
  const parameters = parametersIn(await req.text())
  const words = [
    ...[...command, ...fixed, '--output=json'],
    ...Object.entries(named).map(([name, value]) => `--${name}=${value}`),
    ...wordsOf(await commandLine.describe(command), pairsOf(parameters), without),
    ...(id === undefined ? [] : [id]),
  ]
  const isDryRun = words.includes('--dry-run')
  return {
    ...{ words, isDryRun, caller: get('caller').name, action: command.join(' ') },
    key: isDryRun ? '' : keyIn(req.header('idempotency-key')),
    hash: createHash('sha256').update(JSON.stringify(words)).digest('hex'),
    parameters: { ...req.param(), ...parameters },
  }
}

function keyIn(header: string | undefined): string {
  if (header !== undefined && /^[\x21-\x7e]{1,255}$/.test(header)) return header
  throw new WfstoreError(
    'usage',
    header === undefined ? 'Idempotency-Key is required' : 'Idempotency-Key is not a key',
    {
      hint: 'send a new UUID in the header Idempotency-Key, and the same one if you repeat the request',
    },
  )
}

const RUNNING: ApiRefusal = {
  ...{ status: 409, code: 'conflict', message: 'a request with this Idempotency-Key is running' },
  ...{ hint: 'repeat it when that one has ended', headers: { 'retry-after': '1' } },
}
const OTHER: ApiRefusal = {
  ...{ status: 422, code: 'conflict', message: 'this Idempotency-Key belongs to another request' },
  hint: 'use a new key for a new request',
}

async function once(site: Site, connection: SiteConnection, asked: Asked): Promise<Response> {
  const { client, run } = connection
  const answered = await withRequestLock(client, asked, async () => {
    const before = await findRequest(run, asked)
    if (before && before.hash !== asked.hash) return refuse(OTHER)
    if (before?.status) {
      const { status, note, body } = before
      return answerOf({ status, note, body: body ?? '' }, { 'idempotency-replayed': 'true' })
    }
    // If the server died during the action, its entry exists.
    const logId = before?.logId ?? (await beginRequest(client, asked))
    try {
      const answer = await carryOut(site, connection, asked)
      await endRequest(client, asked, logId, answer)
      return answerOf(answer)
    } catch (error) {
      const message = error instanceof Error ? error.message : 'an unexpected error'
      // The database may be away: then the key stays, and a repeated request begins again.
      await failRequest(client, asked, logId, message).catch(() => {})
      throw error
    }
  })
  return answered ?? refuse(RUNNING)
}

/** @throws WfstoreError of the command */
async function carryOut(
  { commandLine, stopping }: Site,
  connection: SiteConnection,
  { words, caller }: Asked,
): Promise<ActionAnswer> {
  const { stdout, text } = holdOutput(Infinity)
  const notes: string[] = []
  const note = (line: string) => notes.push(line)
  await commandLine.run({ words, connection, stdout, note, signal: stopping, caller })
  const body = text()
  if (body === '')
    throw new WfstoreError('locked', 'the server stops', { hint: 'repeat the request' })
  return { status: 200, note: noteHeader(notes) ?? null, body }
}

const answerOf = (
  { status, note, body }: ActionAnswer,
  headers: Record<string, string> = {},
): Response =>
  new Response(body, {
    status,
    headers: {
      'content-type': 'application/json',
      ...(note !== null && { 'wfstore-note': note }),
      ...headers,
    },
  })
