import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { runCli } from '../support/cli.ts'
import type { TestDatabase } from '../support/database.ts'
import { createMigrated } from '../support/migrated.ts'
import { everyCommand, readReference } from './help/support.ts'

/** The first two begin with the same 8 characters. */
const [TWIN, OTHER, ID, UNKNOWN] = [
  '01a2080b-0000-7000-8000-000000000001',
  '01a2080b-0000-7000-8000-000000000002',
  '01a21d28-0000-7000-8000-000000000003',
  '01a2ffff-0000-7000-8000-000000000004',
] as const

/** Every argument and option that takes an id, with a command that uses it. */
const takers: [name: string, command: string][] = [
  ['executions show <id>', 'executions show ID'],
  ['executions cancel <id>', 'executions cancel ID --dry-run'],
  ['audit show <id>', 'audit show ID'],
  ['billing correct <id>', 'billing correct ID --cost 2 --reason r --dry-run'],
  ['billing lines <id>', 'billing lines ID'],
  ['executions list --execution', 'executions list --execution ID'],
  ['executions list --parent', 'executions list --parent ID'],
  ['executions running --execution', 'executions running --execution ID'],
  ['audit --execution', 'audit --execution ID'],
  ['errors --execution', 'errors --execution ID'],
  ['errors --execution', 'errors --group --execution ID'],
  ['tools --execution', 'tools --execution ID'],
  ['billing records --execution', 'billing records --period 2026-11 --execution ID'],
  ['export --execution', 'export --execution ID'],
  ['ingest check --execution', 'ingest check --execution ID'],
]
const ID_KINDS = ['run', 'running', 'entry', 'bill']

let database: TestDatabase
const wfstore = (command: string, id: string, ...more: string[]) =>
  runCli([...command.replace('ID', id).split(' '), ...more, ...['--database-url', database.url]])

beforeAll(async () => {
  database = await createMigrated('ids')
  for (const statement of [
    `insert into workflow_executions (execution_id, workflow_name, user_id, mode, model_id, start_time)
     select id, 'w', 'u', 'm', 'x', timestamptz '2026-11-26T11:00Z' from unnest($1::uuid[]) as id`,
    `insert into audit_logs (log_id, execution_id, user_id, action_type, action_details, tool_name, success, timestamp)
     select id, id, 'u', 'tool_call', 'd', 't', false, timestamptz '2026-11-26T11:00Z' from unnest($1::uuid[]) as id`,
    `insert into billing_records (billing_id, execution_id, user_id, model_id, billing_period, cost)
     select id, id, 'u', 'x', '2026-11', 1 from unnest($1::uuid[]) as id`,
  ])
    await database.sql(statement, [[TWIN, OTHER, ID]])
})
afterAll(() => database.drop())

it('the table above has every argument and option that takes an id', async () => {
  const found = everyCommand(await readReference()).flatMap((command) => [
    ...command.arguments
      .filter(({ kind = '' }) => ID_KINDS.includes(kind))
      .map(({ name }) => `${command.command} <${name}>`),
    ...command.options
      .filter(({ kind = '' }) => ID_KINDS.includes(kind))
      .map(({ long }) => `${command.command} ${long}`),
  ])
  expect([...new Set(takers.map(([name]) => name))].sort()).toEqual(found.sort())
})

describe.each(takers)('%s: %s', (_, command) => {
  beforeAll(() =>
    database.sql('update workflow_executions set status = $1', [
      command.startsWith('errors') ? 'failed' : 'running',
    ]),
  )

  it('the first 8 characters are the whole id, in upper case too', async () => {
    const whole = await wfstore(command, ID)
    expect([whole.code, whole.stdout === '']).toEqual([0, false])
    for (const short of [ID.slice(0, 8), ID.slice(0, 8).toUpperCase(), ID.slice(0, 20)])
      expect(await wfstore(command, short)).toEqual(whole)
  })

  it('an id that matches several is refused with the candidates', async () => {
    expect(await wfstore(command, TWIN.slice(0, 8))).toEqual({
      code: 2,
      stdout: '',
      stderr: expect.stringMatching(
        new RegExp(`01a2080b matches several .*use more characters: ${TWIN}, ${OTHER}\n`),
      ),
    })
  })

  it.each([UNKNOWN, UNKNOWN.slice(0, 8)])('%s does not exist: exit 6', async (id) => {
    expect(await wfstore(command, id)).toEqual({
      code: 6,
      stdout: '',
      stderr: expect.stringContaining(`${id} does not exist`),
    })
  })

  it.each(['01a21d2', '01a21d28x', 'latestx', `${ID}0`])('%s is not an id: exit 2', async (id) => {
    expect(await wfstore(command, id)).toEqual({
      code: 2,
      stdout: '',
      stderr: expect.stringMatching(
        /is not an? .*id; use a UUID, or at least its first 8 characters/,
      ),
    })
  })
})

it('a run that cleanup has removed is found by its entries and bills', async () => {
  const gone = '01b00000-0000-7000-8000-00000000000'
  const rows = [`${gone}1`, `${gone}2`]
  await database.sql(
    `insert into audit_logs (execution_id, user_id, action_type, action_details)
     select $1, 'u', 'a', 'd' from generate_series(1, 20)`,
    [rows[0]],
  )
  expect(
    (await wfstore('audit --execution ID -o csv', '01b00000')).stdout.split('\r\n'),
  ).toHaveLength(22)
  expect((await wfstore('executions list --execution ID', '01b00000')).code).toBe(6)
  await database.sql(
    `insert into billing_records (execution_id, user_id, model_id, billing_period) values ($1, 'u', 'x', '2026-11')`,
    [rows[1]],
  )
  const { stderr } = await wfstore('audit --execution ID', '01b00000')
  expect(stderr).toContain(`use more characters: ${rows.join(', ')}\n`)
})

it('of many candidates the first ten are named', async () => {
  await database.sql(`insert into audit_logs (log_id, user_id, action_type, action_details)
    select ('01c00000-0000-7000-8000-' || lpad(i::text, 12, '0'))::uuid, 'u', 'a', 'd' from generate_series(1, 11) as i`)
  const { stderr } = await wfstore('audit show ID', '01c00000')
  expect(stderr).toMatch(/characters: (01c00000-\S+, ){10}…\n$/)
})

it('several runs are shown in the given order, each once: as an array in JSON, as lines with one header in a pipe, one after another on a terminal', async () => {
  const show = async (ids: string, ...more: string[]) =>
    (await wfstore(`executions show ${ids}`, '', ...more)).stdout
  const ids = (text: string) =>
    (JSON.parse(text) as { executionId: string }[]).map(({ executionId }) => executionId)
  expect(ids(await show(`${ID} ${TWIN} 01a21d28`, '--json'))).toEqual([ID, TWIN])
  expect(JSON.parse(await show(ID, '--json'))).toMatchObject({ executionId: ID, steps: [] })
  expect(JSON.parse(await show(`${ID} 01a21d28`, '--json'))).toMatchObject({ executionId: ID })
  const [header, first] = (await show(ID)).split('\n')
  const [, second] = (await show(TWIN)).split('\n')
  expect(await show(`${ID} ${TWIN}`)).toBe(`${header}\n${first}\n${second}\n`)
  const onTerminal = async (ids: string) =>
    (
      await runCli(['executions', 'show', ...ids.split(' '), '--database-url', database.url], {
        terminal: 80,
      })
    ).stdout
  expect(await onTerminal(`${ID} ${TWIN}`)).toBe(
    `${await onTerminal(ID)}\n${await onTerminal(TWIN)}`,
  )
  expect((await show(`${ID} ${TWIN}`, '-o', 'jsonl')).trimEnd().split('\n')).toHaveLength(2)
  expect(await show(`${ID} ${UNKNOWN}`)).toBe('')
})

it('latest is the run that started last', async () => {
  const latest = async () =>
    JSON.parse((await wfstore('executions show latest --json', '')).stdout).executionId
  for (const id of [TWIN, ID]) {
    await database.sql(
      `update workflow_executions set start_time = (select max(start_time) + interval '1 second' from workflow_executions) where execution_id = $1`,
      [id],
    )
    expect(await latest()).toBe(id)
  }
  const both = JSON.parse((await wfstore(`executions show ${TWIN} latest --json`, '')).stdout)
  expect(both).toMatchObject([{ executionId: TWIN }, { executionId: ID }])
})

it('latest of an empty store is exit 6', async () => {
  const empty = await createMigrated('ids_empty')
  expect(await runCli(['executions', 'show', 'latest', '--database-url', empty.url])).toMatchObject(
    {
      code: 6,
      stderr: 'error: there are no runs\n',
    },
  )
  await empty.drop()
})
