import type { Context, Hono } from 'hono'
import { cleanup } from '../../cleanup/cleanup.ts'
import { guardStream } from '../../cli/output/stream.ts'
import { WfstoreError } from '../../error.ts'
import { runOutput } from '../api/run-output.ts'
import type { OldUser, Site, SiteEnv } from '../site.ts'
import { setUp, verify } from './setup.ts'
import { ANSWERS, FORBIDDEN, NO_EXECUTION_ID } from './workflow.ts'

const WORKFLOW = '/api/workflow'
const SETUP = '/api/setup/workflow-tables'
/** They ask the application who asks, so they need no caller. */
export const OLD_ROUTES = [WORKFLOW, SETUP] as const

const DEFAULT_DAYS = 90

/** Refused, without a fault of the server: another cleanup is running, or it would remove the newest run. */
const REFUSED = ['locked', 'conflict']

type OldContext = Context<SiteEnv>

/** The routes of the application that wfstore replaces, for its pages. Its session, not a token, says who asks. */
export function addOldRoutes(app: Hono<SiteEnv>, site: Site): void {
  const { userOf, database } = site
  if (!userOf) return

  /** Answers a user. Other sites cannot make the browser of a user change anything. */
  const forUser =
    (who: 'user' | 'admin', answer: (context: OldContext, user: OldUser) => Promise<Response>) =>
    async (context: OldContext): Promise<Response> => {
      try {
        const user = checked(await userOf(context.req.raw))
        if (!user) return context.json({ error: 'Unauthorized' }, 401)
        if (who === 'admin' && (user.isAdmin !== true || isFromOtherSite(context)))
          return forbidden(context)
        return await answer(context, user)
      } catch (error) {
        return failed(context, error)
      }
    }

  const failed = (context: OldContext, error: unknown): Response => {
    const known = error instanceof WfstoreError ? error : undefined
    if (known?.code === 'usage')
      return context.json({ success: false, error: 'Bad request', message: known.message }, 400)
    if (known && REFUSED.includes(known.code) && context.req.method === 'POST')
      return context.json({ success: false, error: 'Conflict', message: known.message }, 409)
    if (!context.req.raw.signal.aborted) site.onError(error)
    if (context.req.path.endsWith(SETUP)) {
      const { message = 'Internal server error', hint = null, code, sqlState } = known ?? {}
      const details = known ? [code, sqlState].filter(Boolean).join(' ') : null
      return context.json({ success: false, error: message, hint, details }, 500)
    }
    const message = known?.message ?? 'unexpected error'
    return context.json({ success: false, error: 'Internal server error', message }, 500)
  }

  app.get(
    WORKFLOW,
    forUser('user', async (context, { userId }) => {
      const type = context.req.query('type') ?? ''
      const answer = Object.hasOwn(ANSWERS, type) ? ANSWERS[type] : undefined
      if (!answer) {
        const validTypes = Object.keys(ANSWERS)
        return context.json({ error: 'Invalid type parameter', validTypes }, 400)
      }
      const given = (name: string) => context.req.query(name) || undefined
      const ran = await runOutput(context, site, (output, signal) => {
        const stdout = guardStream(output)
        const write = async (text: string) => {
          await stdout.write(text)
          return undefined
        }
        return database.read(signal, async (connection) => {
          await write('{"success":true')
          const refusal = await answer({ connection, userId, given, write })
          await write('}')
          await stdout.flush()
          return refusal
        })
      })
      const headers = { 'content-type': 'application/json' }
      if ('stream' in ran) return new Response(ran.stream, { headers })
      if (ran.result === FORBIDDEN) return forbidden(context)
      if (ran.result === NO_EXECUTION_ID)
        return context.json({ error: 'executionId required' }, 400)
      return new Response(ran.text, { headers })
    }),
  )

  app.post(
    WORKFLOW,
    forUser('admin', async (context) => {
      const { action, daysToKeep = DEFAULT_DAYS } = await bodyOf(context)
      if (action !== 'cleanup')
        return context.json({ error: 'Invalid action', validActions: ['cleanup'] }, 400)
      const days = Number(daysToKeep)
      const { signal } = context.req.raw
      const { removed } = await database.write(signal, ({ client }) =>
        cleanup(client, { days, signal }),
      )
      return context.json({
        success: true,
        message: `Cleaned up records older than ${days} days`,
        executionsDeleted: removed.execution,
        logsDeleted: removed.audit,
        metricsDeleted: removed.metric,
      })
    }),
  )

  app.get(
    SETUP,
    forUser('admin', async (context) =>
      context.json({ success: true, ...(await database.unchecked(context.req.raw.signal, setUp)) }),
    ),
  )
  app.post(
    SETUP,
    forUser('admin', async (context) =>
      context.json({
        success: true,
        ...(await database.unchecked(context.req.raw.signal, verify)),
      }),
    ),
  )
}

/** @throws WfstoreError failed for a user without an id, to whom a list would give the rows of all users */
function checked(given: unknown): OldUser | undefined {
  if (given === undefined || given === null) return undefined
  const { userId, isAdmin } = given as Partial<OldUser>
  if (typeof userId === 'string' && userId !== '') return { userId, isAdmin }
  throw new WfstoreError('failed', 'userOf has not returned a user', {
    hint: "return { userId: 'user_7' }, or undefined to refuse the request",
  })
}

const forbidden = (context: OldContext) => context.json({ error: 'Forbidden' }, 403)

/** The set-up is a GET that changes something, which the guards of the server let a link of another site send. */
function isFromOtherSite({ req }: OldContext): boolean {
  const site = req.header('Sec-Fetch-Site')
  return site !== undefined && site !== 'same-origin' && site !== 'none'
}

/** The members of a JSON object; none for anything else. */
async function bodyOf({ req }: OldContext): Promise<Record<string, unknown>> {
  const body = await req.json().catch(() => undefined)
  return typeof body === 'object' && body !== null ? body : {}
}
