import type pg from 'pg'
import { commandLine } from '../../../src/cli/commands/serve/command-line.ts'
import { createProgram } from '../../../src/cli/program.ts'
import { createApp } from '../../../src/server/app.ts'
import { siteDatabase } from '../../../src/server/database.ts'
import type { CommandCall, Site } from '../../../src/server/site.ts'
import { parseExposition } from '../../cli/commands/metrics/exposition.ts'

export const NOW = new Date('2026-11-20T12:00:00Z')

/** A server whose clock a test moves. */
export function metricsSite(on: pg.Pool, options: Partial<Site> = {}) {
  const calls: CommandCall[] = []
  const errors: unknown[] = []
  const clock = { now: NOW }
  const real = commandLine({ createProgram, now: () => clock.now })
  const app = createApp({
    access: { authenticate: async () => ({ name: 'prometheus', can: 'read' }) },
    database: siteDatabase(on),
    commandLine: {
      ...real,
      run: async (call) => {
        calls.push(call)
        await real.run(call)
      },
    },
    basePath: '',
    version: '1.2.3',
    allowWrites: false,
    now: () => clock.now,
    stopping: new AbortController().signal,
    onError: (error) => errors.push(error),
    ...options,
  })
  const scrape = async () => (await app.request('/metrics')).text()
  /** The number of a series without labels, or with these. */
  const value = async (name: string, labels = {}) =>
    parseExposition(await scrape())
      .find((family) => family.name === name)
      ?.samples.find((sample) => JSON.stringify(sample.labels) === JSON.stringify(labels))?.value
  return { app, calls, errors, clock, scrape, value }
}
