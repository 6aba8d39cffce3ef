import { commandLine } from '../../../src/cli/commands/serve/command-line.ts'
import { createProgram } from '../../../src/cli/program.ts'
import { createApp } from '../../../src/server/app.ts'
import { siteDatabase } from '../../../src/server/database.ts'
import type { Site } from '../../../src/server/site.ts'
import { openPool, type TestDatabase } from '../../support/database.ts'

export interface TestSite extends Site {
  errors: unknown[]
  stop: () => void
  /** The answer to a request of a path below the server. */
  get: (path: string, headers?: Record<string, string>) => Promise<Response>
  fetch: (request: Request) => Response | Promise<Response>
  close: () => Promise<void>
}

/** The pages of a database, without a listener. */
export function openSite(database: Pick<TestDatabase, 'url'>, given: Partial<Site> = {}): TestSite {
  const pool = openPool({ connectionString: database.url })
  const stopping = new AbortController()
  const errors: unknown[] = []
  const site: Site = {
    database: siteDatabase(pool),
    commandLine: commandLine({ createProgram }),
    access: { authenticate: async () => ({ name: 'test', can: 'write' }) },
    basePath: '',
    version: '0.0.0',
    allowWrites: false,
    now: () => new Date(),
    stopping: stopping.signal,
    onError: (error) => errors.push(error),
    ...given,
  }
  const app = createApp(site)
  return {
    ...site,
    errors,
    stop: () => stopping.abort(),
    get: async (path, headers = {}) =>
      app.fetch(new Request(`http://localhost${site.basePath}${path}`, { headers })),
    fetch: (request) => app.fetch(request),
    close: async () => {
      stopping.abort()
      await pool.end()
    },
  }
}
