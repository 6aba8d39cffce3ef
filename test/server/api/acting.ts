import type pg from 'pg'
import { createApp } from '../../../src/server/app.ts'
import type { Caller, Site } from '../../../src/server/site.ts'
import type { TestDatabase } from '../../support/database.ts'
import { type Tried, tried } from './support.ts'

export interface Posted {
  key?: string | undefined
  caller?: Caller
  headers?: Record<string, string>
}

export interface Answered {
  status: number
  headers: Headers
  json: unknown
}

export interface Acting extends Tried {
  /** Sends an action, with a new key if none is given. */
  act: (path: string, body?: unknown, posted?: Posted) => Promise<Answered>
}

export const WRITER: Caller = { name: 'on-call', can: 'write' }

/** A server that allows actions. Its callers are those of the test. */
export function acting(database: TestDatabase, parts: Partial<Site> = {}): Acting {
  let last = 0
  const callers = new Map<string, Caller>()
  const authenticate = async ({ headers }: Request) =>
    callers.get(headers.get('x-test') ?? '') ?? 'none'
  const server = tried(database, { allowWrites: true, access: { authenticate }, ...parts })
  const app = createApp(server.site)
  return {
    ...server,
    act: async (path, body = {}, { caller = WRITER, headers = {}, ...posted } = {}) => {
      last += 1
      const name = `${caller.name} ${caller.can}`
      callers.set(name, caller)
      const key = 'key' in posted ? posted.key : `key-${last}`
      const answer = await app.request(`/api/v1${path}`, {
        method: 'POST',
        headers: {
          'content-type': 'application/json',
          'x-test': name,
          ...(key === undefined ? {} : { 'idempotency-key': key }),
          ...headers,
        },
        body: typeof body === 'string' ? body : JSON.stringify(body),
      })
      const text = await answer.text()
      return { status: answer.status, headers: answer.headers, json: JSON.parse(text) }
    },
  }
}

/** The audit entries of actions, without ids and times. */
export async function entriesOf({ sql }: Pick<TestDatabase, 'sql'>): Promise<pg.QueryResultRow[]> {
  return sql(
    `select user_id, action_details, success, error_message, metadata - 'database_user' as metadata
     from audit_logs where action_type = 'server_action' order by timestamp, log_id`,
  )
}
