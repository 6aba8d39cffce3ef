import type pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { CliOptions } from '../../../support/cli.ts'
import type { TestDatabase } from '../../../support/database.ts'
import { expectGolden } from '../../../support/golden.ts'
import { createMigrated } from '../../../support/migrated.ts'
import { BEFORE, cleanupOn, oldStore, rowsOf } from './support.ts'

describe('cleanup history', () => {
  let database: TestDatabase
  let cleanup: ReturnType<typeof cleanupOn>
  let holder: pg.Client
  beforeAll(async () => {
    database = await createMigrated('cli_history')
    cleanup = cleanupOn(database)
    await database.sql(
      `insert into wfstore_cleanups (cleanup_id, started_at, ended_at, cutoff, keep_last, archive, outcome, executions_removed, steps_removed,
         audit_removed, metrics_removed, error_message)
       values ('01900000-0000-7000-8000-000000000001', '2026-11-20T01:00Z', '2026-11-20T01:00:09.3Z', '2026-08-22T01:00Z', null, null, 'done', 486283, 1458849, 2431415, 0, null),
         ('01900000-0000-7000-8000-000000000002', '2026-11-21T01:00Z', '2026-11-21T03:00Z', '2026-08-23T01:00Z', 5, '/var/archive/20261121T010000Z-01900000', 'stopped', 1200000, 3600000, 5000000, 17, null),
         ('01900000-0000-7000-8000-000000000003', '2026-11-22T01:00Z', '2026-11-22T01:00:00.05Z', '2026-08-24T01:00Z', null, '/var/archive', 'failed', 0, 0, 0, 0, 'cannot write to /var/archive: no space left on device'),
         ('01900000-0000-7000-8000-000000000004', '2026-11-23T01:00Z', null, '2026-08-25T01:00Z', null, '-', 'running', 20000, 60000, 0, 0, null)`,
    )
    holder = await database.connect()
  })
  afterAll(async () => {
    await holder.end()
    await database.drop()
  })

  it.each([
    ['history-80.txt', '--color never', { terminal: 80 }],
    ['history-160.txt', '--color never', { terminal: 160 }],
    ['history.tsv', '', {}],
    ['history.csv', '-o csv', {}],
    ['history.json', '--json', {}],
    ['history-page.json', '--limit 1 --json --page', {}],
  ] as [string, string, CliOptions][])('%s', async (name, flags, options) => {
    const { code, stdout, stderr } = await cleanup(`history ${flags}`, options)
    expect(code).toBe(0)
    expectGolden(
      `cleanup/${name}`,
      `${stdout}${stderr && `--- stderr\n${stderr}`}`.replace(
        /(?<="nextCursor": ")[\w-]{43}/,
        'CURSOR',
      ),
    )
  })

  it('a running cleanup without its lock is shown as interrupted', async () => {
    const newest = async () =>
      JSON.parse((await cleanup('history --limit 1 --json')).stdout)[0] as Record<string, unknown>
    expect(await newest()).toMatchObject({ outcome: 'interrupted', durationMs: null })
    await holder.query(`select pg_advisory_lock(hashtextextended('wfstore cleanup public', 0))`)
    expect(await newest()).toMatchObject({ outcome: 'running', durationMs: expect.any(Number) })
    await holder.query('select pg_advisory_unlock_all()')
  })

  it('has pages with a cursor, and filters by time', async () => {
    const seen: string[] = []
    let cursor = ''
    do {
      const { stdout } = await cleanup(`history --limit 1 --json --page ${cursor}`)
      const { rows, nextCursor } = JSON.parse(stdout)
      seen.push(rows[0].startedAt.slice(0, 10))
      cursor = nextCursor === null ? '' : `--cursor ${nextCursor}`
    } while (cursor !== '')
    expect(seen).toEqual(['2026-11-23', '2026-11-22', '2026-11-21', '2026-11-20'])
    const some = await cleanup(
      'history --since 2026-11-21 --until 2026-11-23 -o csv --columns outcome',
    )
    expect(some.stdout).toBe('outcome\r\nfailed\r\nstopped\r\n')
  })
})

describe('an interruption', () => {
  it.each([
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ])(
    '%s ends a cleanup after the current batch, with exit %i and the removed rows',
    async (signal, status) => {
      const template = await oldStore('cli_interrupted')
      const database = await template.copy()
      const interruption = new AbortController()
      const cleanup = cleanupOn(database)
      const ended = cleanup(`--before ${BEFORE} --batch-size 1 --pause 1h`, {
        signal: interruption.signal,
        sleep: () => new Promise(() => {}),
      })
      while (
        (await database.sql('select from wfstore_cleanups where executions_removed = 1')).length ===
        0
      );
      interruption.abort(signal)
      const { code, stdout, stderr } = await ended
      expect([code, stdout]).toEqual([status, ''])
      expect(stderr).toMatch(
        /^removed 1 run, 2 steps, 0 audit entries and 0 metrics older than .*; stopped by a signal, remaining: 11 runs, 22 steps, 41 audit entries and 4 metrics\n$/,
      )
      expect((await rowsOf(database)).runs).toBe(15)
      const [row] = await database.sql(
        'select outcome, ended_at is not null as ended from wfstore_cleanups',
      )
      expect(row).toEqual({ outcome: 'stopped', ended: true })
      await database.drop()
      await template.drop()
    },
  )
})
