import type pg from 'pg'
import { commandLine } from '../../../src/cli/commands/serve/command-line.ts'
import { createProgram } from '../../../src/cli/program.ts'
import { createApp } from '../../../src/server/app.ts'
import { siteDatabase } from '../../../src/server/database.ts'
import type { Site } from '../../../src/server/site.ts'
import { NOW, runCli } from '../../support/cli.ts'
import { createFilled, openPool, type TestDatabase } from '../../support/database.ts'

/** The sample data of `demo`, with metrics, prices, a closed month and a cleanup. */
export const createDemo = (label: string): Promise<TestDatabase> =>
  createFilled(label, 'api_demo', async ({ url }) => {
    for (const words of [
      ['demo'],
      ['metrics', 'rollup', '--period', 'day'],
      ['metrics', 'rollup', '--period', 'hour'],
      ['prices', 'set', 'own-model', 'input=1.25', 'output=10'],
      ['billing', 'close', '--period', '2026-09', '--yes', '--allow-earlier-open'],
      ['cleanup', '--days', '80', '--yes'],
    ]) {
      const { code, stderr } = await runCli([...words, '--database-url', url])
      if (code !== 0) throw new Error(`${words.join(' ')}: ${stderr}`)
    }
  })

export interface Tried {
  get: (path: string, headers?: Record<string, string>) => Promise<Response>
  errors: unknown[]
  site: Site
  close: () => Promise<void>
}

/** The routes over a database, without a listener. */
export function tried(database: TestDatabase, parts: Partial<Site> = {}): Tried {
  const pool: pg.Pool = openPool({ connectionString: database.url })
  const errors: unknown[] = []
  const now = () => new Date(NOW)
  const site: Site = {
    database: siteDatabase(pool),
    commandLine: commandLine({ createProgram, now }),
    access: { authenticate: async () => ({ name: 'test', can: 'read' }) },
    basePath: '',
    version: '0.0.0',
    allowWrites: false,
    now,
    stopping: new AbortController().signal,
    onError: (error) => errors.push(error),
    ...parts,
  }
  const app = createApp(site)
  return {
    get: async (path, headers = {}) => app.request(path, { headers }),
    errors,
    site,
    close: () => pool.end(),
  }
}
