import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { fillDemo } from '../../../../src/demo/fill.ts'
import { formatNumber } from '../../../../src/numbers.ts'
import { rollupMetrics } from '../../../../src/queries/metrics/rollup.ts'
import { runOn } from '../../../queries/usage/support.ts'
import { runCli } from '../../../support/cli.ts'
import type { TestDatabase } from '../../../support/database.ts'
import { createAdopted, createMigrated } from '../../../support/migrated.ts'

let legacy: TestDatabase
/** The finished runs of the demo end on the day before. */
const DEMO_NOW = '2026-11-26T00:00:00.000Z'
const on = (database: TestDatabase, argv: string) =>
  runCli(['metrics', ...argv.split(' '), '--database-url', database.url])
const rows = async (database: TestDatabase, argv: string) => {
  const { code, stdout, stderr } = await on(database, `${argv} --json`)
  expect([code, stderr]).toEqual([0, ''])
  return JSON.parse(stdout)
}

beforeAll(async () => {
  legacy = await createAdopted('metrics_rollup_cli')
  const client = await legacy.connect()
  await rollupMetrics(runOn(client), { period: 'hour' })
  await client.end()
})
afterAll(() => legacy.drop())

describe('rollup', () => {
  it('prints in one line what it did, and the second time that it did nothing', async () => {
    const store = await createMigrated('metrics_rollup')
    try {
      const client = await store.connect()
      await fillDemo(client, new Date(DEMO_NOW))
      await client.end()
      const first = await on(store, 'rollup --period day --tz Europe/Berlin')
      expect(first).toMatchObject({ code: 0, stderr: '' })
      const [{ n } = { n: 0 }] = await store.sql('select count(*) as n from observability_metrics')
      expect(first.stdout).toMatch(
        new RegExp(
          `^day \\(Europe/Berlin\\): \\d+ buckets of all time: ${formatNumber(Number(n))} values inserted, 0 updated, 0 unchanged, 0 deleted, 0 kept, [\\d.]+m?s\\n$`,
        ),
      )
      const second = await on(store, 'rollup --period day --tz Europe/Berlin')
      expect(second.stdout).toMatch(
        /^day \(Europe\/Berlin\): \d+ buckets since 2026-11-25 00:00 and of older runs that changed: 0 values inserted, 0 updated, [\d,]+ unchanged, 0 deleted, 0 kept, [\d.]+m?s\n$/,
      )
      expect(await on(store, 'rollup --period day')).toEqual({
        code: 1,
        stdout: '',
        stderr:
          'error: metrics by day were rolled up in another time zone than UTC; use that time zone, or a --since before the first of these metrics\n',
      })
    } finally {
      await store.drop()
    }
  })

  it('takes --since in the zone of --tz', async () => {
    const result = await rows(legacy, 'rollup --period hour --since 2026-09-01 --tz Asia/Tokyo')
    expect(result).toMatchObject({ since: '2026-08-31T15:00:00.000000Z', inserted: 0, updated: 0 })
  })

  it.each([
    ['rollup', "required option '--period <name>' not specified"],
    ['rollup --period year', 'Allowed choices are hour, day, week, month'],
    ['rollup --period day --since soon', 'is not a valid time'],
    ['rollup --period day -o prometheus', "argument 'prometheus' is invalid"],
    ['rolup', "unknown command 'rolup'"],
    ['list --type', 'argument missing'],
    [
      '-o prometheus --columns time',
      '--output prometheus cannot be used with --json, --columns, --no-headers or --sort',
    ],
    [
      '-o prometheus --sort time',
      '--output prometheus cannot be used with --json, --columns, --no-headers or --sort',
    ],
    [
      '-o prometheus --json',
      '--output prometheus cannot be used with --json, --columns, --no-headers or --sort',
    ],
  ])('metrics %s is exit 2', async (argv, message) => {
    const { code, stdout, stderr } = await on(legacy, argv)
    expect([code, stdout]).toEqual([2, ''])
    expect(stderr).toContain(message)
  })
})
