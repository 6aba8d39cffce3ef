import type pg from 'pg'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { query } from '../../../../src/db/query/query.ts'
import type { ExecutionRecorder } from '../../../../src/record/recorder/types.ts'
import { type CliOptions, runCli } from '../../../support/cli.ts'
import type { TestDatabase } from '../../../support/database.ts'
import { createMigrated } from '../../../support/migrated.ts'
import { onLayout } from '../../../support/on-layout.ts'
import * as runs from '../../../support/runs.ts'

let database: TestDatabase
let engine: pg.Client
const { RUNNING } = runs
const start = (options?: runs.StartOptions) =>
  runs.startRun(
    database,
    onLayout((statement, shape) => query(engine, statement, shape)),
    options,
  )
const silence = (execution: ExecutionRecorder, hours: number) =>
  runs.silence(database, execution, hours)
const stateOf = (execution: ExecutionRecorder) => runs.stateOf(database, execution)

beforeAll(async () => {
  database = await createMigrated('close')
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
  runCli(['executions', ...argv, '--database-url', database.url], {
    env: { USER: 'maria' },
    ...options,
  })

const closedBy = (command: string) => ({
  closed_by: { database_user: expect.stringMatching(/./), os_user: 'maria', command },
})

describe('executions cancel', () => {
  it('closes runs like the recorder: status, end, one bill of their cost, one entry with the user', async () => {
    const [one, other, third] = [
      await start(),
      await start({ cost: '1.000000000001' }),
      await start(),
    ]
    const { code, stdout, stderr } = await cli([
      ...['cancel', one.executionId, other.executionId, '--reason', 'started twice', '--json'],
    ])
    expect([code, stderr]).toEqual([0, ''])
    expect(stdout).toContain('"totalCost": 1.000000000001')
    expect(JSON.parse(stdout)).toEqual(
      [one, other].map(({ executionId }) => ({
        executionId,
        workflowName: 'Weekly digest',
        userId: 'user_1',
        status: 'cancelled',
        totalCost: expect.any(Number),
        lastWriteTime: expect.stringMatching(/Z$/),
      })),
    )
    const [user] = await database.sql('select session_user as name')
    const closed = { status: 'cancelled', error: 'started twice', ended: true }
    const ends = [
      { closed_by: { database_user: user?.name, os_user: 'maria', command: 'executions cancel' } },
    ]
    expect(await stateOf(one)).toEqual({ ...closed, bills: ['0.25 7'], ends })
    expect(await stateOf(other)).toEqual({ ...closed, bills: ['1.000000000001 7'], ends })
    expect(await stateOf(third)).toEqual(RUNNING)
    await one.cancel('started twice')
    await expect(one.finish({ status: 'success' })).rejects.toMatchObject({ code: 'conflict' })
  })

  it('takes the start of an id, and closes a run once that is named twice', async () => {
    const execution = await start()
    const { executionId } = execution
    const { code, stdout } = await cli(['cancel', executionId.slice(0, 20), executionId, '--json'])
    expect([code, JSON.parse(stdout)]).toEqual([0, [expect.objectContaining({ executionId })]])
    expect(await stateOf(execution)).toMatchObject({ status: 'cancelled', bills: ['0.25 7'] })
  })

  it('an unknown id is exit 6, and no other run is changed', async () => {
    const execution = await start()
    const missing = '00000000-0000-4000-8000-000000000000'
    expect(await cli(['cancel', execution.executionId, missing])).toEqual({
      code: 6,
      stdout: '',
      stderr: `error: execution ${missing} does not exist; it may have been deleted, or removed by a cleanup\n`,
    })
    expect(await stateOf(execution)).toEqual(RUNNING)
  })

  it('the start of several ids is exit 2 with the candidates, and no run is changed', async () => {
    const ids = ['01a2080b-dcf7-7d26-a791-000000000001', '01a2080b-dcf8-7d26-a791-000000000002']
    const runs = [
      await start({ executionId: ids[0] as string }),
      await start({ executionId: ids[1] as string }),
    ]
    const { code, stderr } = await cli(['cancel', '01a2080b'])
    expect([code, stderr]).toEqual([
      2,
      `error: 01a2080b matches several executions; use more characters: ${ids.join(', ')}\n`,
    ])
    for (const one of runs) expect(await stateOf(one)).toEqual(RUNNING)
  })

  it.each([[[]], [['']], [['user_1']], [['0193f1c2', '--reason', '']]])(
    'cancel %j is exit 2',
    async (argv) => {
      expect(await cli(['cancel', ...argv])).toMatchObject({ code: 2, stdout: '' })
    },
  )

  it('a run with another final status is named with exit 1 and does not change, and the others are cancelled', async () => {
    const [done, open] = [await start(), await start()]
    await done.finish({ status: 'success' })
    const before = await stateOf(done)
    const { code, stdout, stderr } = await cli([
      'cancel',
      done.executionId,
      open.executionId,
      '--json',
    ])
    expect(code).toBe(1)
    expect(JSON.parse(stdout)).toMatchObject([{ executionId: open.executionId }])
    expect(JSON.parse(stderr).error).toMatchObject({
      code: 'conflict',
      message: `run has already finished: ${done.executionId} (success)`,
    })
    expect(await stateOf(done)).toEqual(before)
    expect(await stateOf(open)).toMatchObject({ status: 'cancelled' })
  })

  it('a run that is already cancelled is exit 0, and its first reason and bill stay', async () => {
    const execution = await start()
    expect(await cli(['cancel', execution.executionId, '--reason', 'first'])).toMatchObject({
      code: 0,
    })
    const before = await stateOf(execution)
    expect(
      await cli(['cancel', execution.executionId, '--reason', 'second', '--no-headers']),
    ).toEqual({
      code: 0,
      stdout: '',
      stderr: `${execution.executionId} is already cancelled\n`,
    })
    expect(await stateOf(execution)).toEqual(before)
  })
})

describe('executions fail', () => {
  it('closes the runs without a write for the given time, whenever they started', async () => {
    const [dead, alive] = [await start({ hours: 7 }), await start({ hours: 7 })]
    await database.sql(`update workflow_executions set start_time = now() - interval '9 days'`)
    await silence(dead, 7)
    await silence(alive, 7)
    await alive.decision({ details: 'still there' })
    const { code, stdout, stderr } = await cli(['fail', '--older-than', '6h', '--json'])
    expect([code, stderr]).toEqual([0, ''])
    const [closed, ...others] = JSON.parse(stdout)
    expect(others).toEqual([])
    expect(closed).toMatchObject({
      executionId: dead.executionId,
      status: 'failed',
      totalCost: 0.25,
    })
    expect(await stateOf(dead)).toEqual({
      status: 'failed',
      error: `no write since ${closed.lastWriteTime}`,
      ended: true,
      bills: ['0.25 7'],
      ends: [closedBy('executions fail')],
    })
    expect(await stateOf(alive)).toEqual(RUNNING)
    expect(await cli(['fail', '--older-than', '6h', '--json'])).toMatchObject({
      code: 0,
      stdout: '[]\n',
    })
  })

  it('takes filters and a reason', async () => {
    const mine = await start({ hours: 7, userId: 'user_2' })
    const other = await start({ hours: 7 })
    const argv = [
      '--user',
      'user_2',
      '--workflow',
      'Weekly digest',
      '--mode',
      'Admin',
      '--model',
      'gpt-4o',
    ]
    await cli(['fail', '--older-than', '90m', ...argv, '--reason', 'host 3 burned'])
    expect(await stateOf(mine)).toMatchObject({ status: 'failed', error: 'host 3 burned' })
    expect(await stateOf(other)).toEqual(RUNNING)
    await cli(['fail', '--older-than', '90m', '--model', 'gpt-5'])
    expect(await stateOf(other)).toEqual(RUNNING)
  })

  it.each([
    [[]],
    [['--older-than', '6']],
    [['--older-than', '0h']],
    [['--older-than', '-6h']],
    [['--older-than', '2026-01-01']],
    [['--older-than', '6h', '--user', '']],
  ])('fail %j is exit 2', async (argv) => {
    const execution = await start({ hours: 1000 })
    expect(await cli(['fail', ...argv])).toMatchObject({ code: 2, stdout: '' })
    expect(await stateOf(execution)).toEqual(RUNNING)
  })
})

const commands: [name: string, argv: (id: string) => string[], question: string][] = [
  ['cancel', (id) => ['cancel', id], 'Cancel 1 run of 1 user? [y/N] '],
  ['fail', () => ['fail', '--older-than', '6h'], 'Fail 1 run of 1 user? [y/N] '],
]
describe.each(commands)('before %s closes anything', (_, argv, question) => {
  it('it asks on a terminal with the counts; the answer no is exit 1 and changes nothing', async () => {
    const execution = await start({ hours: 7 })
    const { code, stdout, stderr } = await cli(
      [...argv(execution.executionId), '--color', 'never'],
      { answer: 'n\n' },
    )
    expect([code, stdout]).toEqual([1, ''])
    expect(stderr).toMatch(/not confirmed; nothing was changed\n$/)
    // The runs are shown before the question.
    const [list, rest] = stderr.split(question)
    expect(list).toContain(execution.executionId.slice(0, 8))
    expect(rest).toBe('error: not confirmed; nothing was changed\n')
    expect(await stateOf(execution)).toEqual(RUNNING)
  })

  it('the list before the question is cut after 20 runs, with the number of the others', async () => {
    const ids: string[] = []
    for (let n = 0; n < 23; n++) ids.push((await start({ hours: 7 })).executionId)
    const [first = '', ...more] = argv(ids[0] as string)
    const words = first === 'cancel' ? [first, ...ids] : [first, ...more]
    const { stderr } = await cli([...words, '--color', 'never'], { answer: 'n\n', terminal: 100 })
    const lines = (stderr.split('… and ')[0] as string).trimEnd().split('\n')
    expect(lines[0]).toMatch(/^ID +WORKFLOW +USER/)
    expect(lines).toHaveLength(22)
    expect(lines.at(-1)).toMatch(/^times are in /)
    expect(stderr).toContain('… and 3 more runs\n')
  })

  it.each([
    ['yes on a terminal', [], { answer: 'y\n' }, true],
    ['--yes on a terminal', ['--yes'], { answer: 'n\n' }, false],
    ['no terminal', [], {}, false],
  ])('%s continues', async (_, flags, options, asked) => {
    const execution = await start({ hours: 7 })
    const { code, stderr } = await cli([...argv(execution.executionId), ...flags], options)
    expect(code).toBe(0)
    expect(stderr).toMatch(asked ? /\? \[y\/N\] $/ : /^$/)
    expect((await stateOf(execution))?.status).not.toBe('running')
  })

  it('--dry-run lists the runs that would be closed, asks nothing and changes nothing', async () => {
    const execution = await start({ hours: 7 })
    const { code, stdout, stderr } = await cli(
      [...argv(execution.executionId), '--dry-run', '--json'],
      { answer: 'y\n' },
    )
    expect([code, stderr]).toEqual([0, ''])
    expect(JSON.parse(stdout)).toMatchObject([
      { executionId: execution.executionId, status: 'running', totalCost: 0.25 },
    ])
    expect(await stateOf(execution)).toEqual(RUNNING)
  })
})
