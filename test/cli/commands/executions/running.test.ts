import type pg from 'pg'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { query } from '../../../../src/db/query/query.ts'
import { type CliOptions, runCli } from '../../../support/cli.ts'
import type { TestDatabase } from '../../../support/database.ts'
import { createMigrated } from '../../../support/migrated.ts'
import { onLayout } from '../../../support/on-layout.ts'
import * as runs from '../../../support/runs.ts'

let database: TestDatabase
let engine: pg.Client
const start = (options?: runs.StartOptions) =>
  runs.startRun(
    database,
    onLayout((statement, shape) => query(engine, statement, shape)),
    options,
  )

beforeAll(async () => {
  database = await createMigrated('cli_running')
  engine = await database.connect()
})
beforeEach(async () => {
  await database.sql('truncate workflow_executions, audit_logs, billing_records cascade')
})
afterAll(async () => {
  await engine.end()
  await database.drop()
})

const cli = (argv: string[], options: CliOptions = {}) =>
  runCli(['executions', ...argv, '--database-url', database.url], options)

describe('executions running', () => {
  it('marks a stuck run on a terminal, not only by colour; --stuck-after decides', async () => {
    await start({ userId: 'working' })
    await start({ userId: 'silent', hours: 0.25 })
    const [row] = await database.sql(
      `select extract(epoch from max(timestamp) + interval '15 minutes') * 1000 as now from audit_logs where user_id = 'silent'`,
    )
    const now = new Date(Number(row?.now)).toISOString()
    const argv = ['running', '--columns', 'user,status,idle']
    const plain = await cli([...argv, '--color', 'never'], { terminal: 80, now })
    expect(plain.stdout).toMatch(
      /^USER +STATUS +IDLE\nworking +running +\S+\nsilent +stuck +15m 00s\n$/,
    )
    const patient = await cli([...argv, '--stuck-after', '20m', '--color', 'never'], {
      terminal: 80,
      now,
    })
    expect(patient.stdout).toMatch(/silent +running +15m 00s\n$/)
    const painted = await cli([...argv, '--color', 'always'], { terminal: 80, now })
    expect(painted.stdout).toContain('\x1b[36mrunning\x1b[39m ')
    expect(painted.stdout).toContain('\x1b[33mstuck\x1b[39m ')
  })

  it('prints the plain status and the time of the last write in formats for programs', async () => {
    const silent = await start({ hours: 2 })
    const first = await cli(['running', '--json'])
    const second = await cli(['running', '--json'], { now: '2030-01-01T00:00:00Z' })
    expect(second).toEqual(first)
    const [row] = await database.sql(
      `select to_char(max(timestamp) at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as time from audit_logs`,
    )
    expect(JSON.parse(first.stdout)).toMatchObject([
      { executionId: silent.executionId, status: 'running', stuck: true, lastWriteTime: row?.time },
    ])
    expect((await cli(['running'])).stdout).toContain(`\trunning\t\t${row?.time}\t`)
  })

  it('--stuck lists the runs without a write for 10 minutes or --stuck-after, and prints a note if there are none', async () => {
    const silent = await start({ hours: 2 })
    await start()
    for (const after of [[], ['--stuck-after', '1h']]) {
      const { stdout } = await cli(['running', '--stuck', ...after, '--json'])
      expect(JSON.parse(stdout)).toMatchObject([{ executionId: silent.executionId, stuck: true }])
    }
    expect(await cli(['running', '--stuck', '--stuck-after', '3h'], { terminal: 80 })).toEqual({
      code: 0,
      stdout: '',
      stderr: 'no run without a write for 3h\n',
    })
    expect(await cli(['running', '--stuck-after', '3'])).toMatchObject({ code: 2, stdout: '' })
  })
})
