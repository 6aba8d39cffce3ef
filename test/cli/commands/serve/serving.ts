import { afterEach } from 'vitest'
import { waitingOnNodes } from '../../../support/citus.ts'
import { type CliOptions, type CliResult, runCli } from '../../../support/cli.ts'
import type { TestDatabase } from '../../../support/database.ts'

export interface Serving {
  url: string
  port: number
  get: (path: string, headers?: Record<string, string>, init?: RequestInit) => Promise<Response>
  /** Ends it by a signal. */
  end: (signal?: string) => Promise<CliResult>
}

export interface ServeOptions extends CliOptions {
  address?: string
}

/** Starts servers, which end after each test. */
export function startedServes() {
  const running: Serving[] = []
  afterEach(async () => {
    for (const server of running.splice(0)) await server.end()
  })
  return async (...given: Parameters<typeof startServe>): Promise<Serving> => {
    const server = await startServe(...given)
    running.push(server)
    return server
  }
}

/** Starts `wfstore serve` on a free port, and waits until it listens. */
async function startServe(
  { url: databaseUrl }: Pick<TestDatabase, 'url'>,
  argv: readonly string[] = [],
  { address = '127.0.0.1:0', ...options }: ServeOptions = {},
): Promise<Serving> {
  const interruption = new AbortController()
  let ended: Promise<CliResult> | undefined
  const url = await new Promise<string>((resolve, reject) => {
    let shown = ''
    const words = ['serve', '--listen', address, ...argv, '--database-url', databaseUrl]
    ended = runCli(words, {
      ...options,
      localNow: new Date(),
      signal: interruption.signal,
      show: (text) => {
        shown += text
        const [, found] = /^listening on (\S+)\/$/m.exec(shown) ?? []
        if (found !== undefined) resolve(found)
      },
    })
    ended.then(({ stderr }) => reject(new Error(stderr)), reject)
  })
  return {
    url,
    port: Number(new URL(url).port),
    get: (path, headers = {}, init = {}) =>
      fetch(`${url}${path}`, { redirect: 'manual', headers, ...init }),
    end: (signal = 'SIGTERM') => {
      interruption.abort(signal)
      return ended as Promise<CliResult>
    },
  }
}

/** Makes all queries of runs wait, until the returned function is called. */
export async function lockRuns(database: TestDatabase): Promise<() => Promise<void>> {
  const locker = await database.connect()
  await locker.query('begin; lock table workflow_executions in access exclusive mode')
  return async () => {
    await locker.query('rollback')
    await locker.end()
  }
}

/** Waits until a number of sessions wait for a lock. */
export async function untilWaiting(database: TestDatabase, sessions = 1): Promise<void> {
  while ((await waiting(database)) < sessions);
}
export const waiting = async (database: TestDatabase): Promise<number> =>
  (
    await database.sql(
      `select from pg_stat_activity where datname = current_database() and (wait_event_type = 'Lock' or pid = any($1))`,
      [await waitingOnNodes(database.sql)],
    )
  ).length
