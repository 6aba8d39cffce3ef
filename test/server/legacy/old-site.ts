import type { Hono } from 'hono'
import type pg from 'pg'
import { commandLine } from '../../../src/cli/commands/serve/command-line.ts'
import { createProgram } from '../../../src/cli/program.ts'
import { createApp } from '../../../src/server/app.ts'
import { siteDatabase } from '../../../src/server/database.ts'
import type { OldUser, Site, SiteEnv } from '../../../src/server/site.ts'

export interface OldSite {
  app: Hono<SiteEnv>
  /** What the server reported. */
  errors: unknown[]
  /** Answers to a user; `admin` is an administrator, and without a user nobody has signed in. */
  ask: (path: string, asked?: Asked) => Promise<Answer>
}

interface Asked {
  user?: string | undefined
  method?: string
  body?: string
  headers?: Record<string, string>
}

interface Answer {
  status: number
  text: string
  json: Record<string, unknown>
}

/** A server of the old routes, with a header that names the user. */
export function oldSite(pool: pg.Pool, options: Partial<Site> = {}): OldSite {
  const errors: unknown[] = []
  const userOf = ({ headers }: Request): OldUser | undefined => {
    const userId = headers.get('x-user')
    return userId === null ? undefined : { userId, isAdmin: userId === 'admin' }
  }
  const app = createApp({
    database: siteDatabase(pool),
    access: { authenticate: async () => ({ name: 'test', can: 'read' }) },
    commandLine: commandLine({ createProgram }),
    basePath: '',
    version: '0.0.0',
    allowWrites: false,
    now: () => new Date(),
    stopping: new AbortController().signal,
    onError: (error) => errors.push(error),
    userOf,
    ...options,
  })
  const ask: OldSite['ask'] = async (path, { user, headers, ...init } = {}) => {
    const named = { ...(user !== undefined && { 'x-user': user }), ...headers }
    const answer = await app.request(path, { ...init, headers: named })
    const text = await answer.text()
    return { status: answer.status, text, json: JSON.parse(text) }
  }
  return { app, errors, ask }
}
