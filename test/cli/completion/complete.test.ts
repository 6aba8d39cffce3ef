import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, rmSync, writeFileSync } from 'node:fs'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import { text } from 'node:stream/consumers'
import fc from 'fast-check'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { bashReply, splitLine, type Typed } from '../../../src/cli/completion/bash-line.ts'
import { complete } from '../../../src/cli/completion/complete.ts'
import type { CommandReference } from '../../../src/cli/help/reference.ts'
import type { TestDatabase } from '../../support/database.ts'
import { dataFolder } from '../../support/folder.ts'
import { createMigrated } from '../../support/migrated.ts'
import { readReference } from '../help/support.ts'

/** As bash has it. */
const BREAKS = ' \t\n"\'@><=;|&(:'
const ID = '0193f1c2-7a5e-7c11-9d3e-2b6f0a4c8e57'

let program: CommandReference
let database: TestDatabase
let folder: string
beforeAll(async () => {
  folder = dataFolder('completion')
  program = await readReference()
  database = await createMigrated('completion')
  await database.sql(
    `insert into workflow_executions (execution_id, workflow_name, user_id, mode, model_id, status)
     values ('${ID}', 'Lead enrichment', 'ada', 'Sales', 'gpt-4o', 'running'),
       ('${ID.replace('0193', '0194')}', 'Lead enrichment', 'bob', 'Admin', 'gpt-4o', 'failed')`,
  )
  await database.sql(
    `insert into workflow_steps (execution_id, step_id, step_number, step_name, tool_name, status)
     values ('${ID}', gen_random_uuid(), 1, 'search', 'web_search', 'success')`,
  )
  await database.sql(
    `insert into audit_logs (log_id, user_id, action_type, action_details, success)
     values ('${ID}', 'ada', 'tool_call', 'called', true)`,
  )
})
afterAll(async () => {
  await database.drop()
  rmSync(folder, { recursive: true })
})

/** What zsh and fish would offer; with the database unless `env` says otherwise. */
async function offered(line: string, env: Record<string, string> = {}): Promise<string[]> {
  const io = {
    ...{ stdin: new PassThrough(), stdout: new PassThrough(), stderr: new PassThrough() },
    ...{ cwd: folder, timeZone: 'UTC', now: () => new Date('2026-11-26T12:00:00Z') },
    signal: new AbortController().signal,
    // Nothing waits here; a test below starts the program and lets it wait.
    sleep: () => new Promise<never>(() => {}),
  }
  const usual = { DATABASE_URL: database.url, WFSTORE_COMPLETION_MS: '30000' }
  const answer = await complete(['zsh', ...line.split(' ')], io, { ...usual, ...env }, program)
  // The first is the action; each value is followed by its description, and the last part is empty.
  return answer
    .split('\0')
    .slice(1, -1)
    .filter((_, index) => index % 2 === 0)
}

it.each([
  ['', ['archive', 'audit']],
  ['executions ', ['cancel', 'fail', 'list', 'running', 'show']],
  ['executions list --st', ['--status']],
  ['executions list --status f', ['failed']],
  ['executions list --status failed,p', ['failed,partial']],
  ['executions list --status=fa', ['--status=failed']],
  ['executions list -o c', ['csv']],
  ['executions list --json --tz Europe/Berl', ['Europe/Berlin']],
  ['metrics --per', ['--period']],
  ['metrics rollup --period w', ['week']],
  ['billing --by m', ['model', 'meter']],
  ['billing --period 2026-1', ['2026-11', '2026-10']],
  ['cost --by user,mode --to', ['--top', '--total']],
  ['help executions l', ['list']],
  ['help ti', ['time']],
  ['completion z', ['zsh']],
  ['ingest ch', ['check']],
  ['ingest tr', []],
  ['executions list -- --st', []],
  ['nonsense --us', []],
  ['executions list --nonsense=', []],
])('without a database: %s', async (line, expected) => {
  const found = await offered(line, { DATABASE_URL: 'postgresql://127.0.0.1:1/none' })
  expect(found.slice(0, line === '' ? 2 : undefined)).toEqual(expected)
})

it.each([
  ['stats --user ', ['ada', 'bob']],
  ['stats --user=b', ['--user=bob']],
  ['cost --by user --workflow L', ['Lead enrichment']],
  ['executions list --mode ', ['Admin', 'Sales']],
  ['executions list --model g', ['gpt-4o']],
  ['tools --tool w', ['web_search']],
  ['audit --action t', ['tool_call']],
  ['executions show 0194', [ID.replace('0193', '0194')]],
  ['executions cancel ', [ID]],
  ['audit show 01', [ID]],
])('from the database: %s', async (line, expected) => {
  expect(await offered(line)).toEqual(expected)
  expect(await offered(line, { WFSTORE_COMPLETION_MS: '0' })).toEqual([])
})

it('reads the database of the line, by its URL or by a profile of the config', async () => {
  const profiles = { staging: { databaseUrl: database.url } }
  writeFileSync(join(folder, 'wfstore.config.json'), JSON.stringify({ profiles }), { mode: 0o600 })
  const elsewhere = { DATABASE_URL: 'postgresql://127.0.0.1:1/none' }
  expect(await offered('stats --profile s', elsewhere)).toEqual(['staging'])
  expect(await offered('stats --profile staging --user a', elsewhere)).toEqual(['ada'])
  expect(await offered(`stats --database-url ${database.url} --user a`, elsewhere)).toEqual(['ada'])
  expect(await offered(`--database-url=${database.url} stats --user a`, elsewhere)).toEqual(['ada'])
  expect(await offered('stats --profile nonsense --user a')).toEqual([])
  rmSync(join(folder, 'wfstore.config.json'))
})

it('creates and starts no embedded database', async () => {
  expect(await offered('stats --user ', { DATABASE_URL: '' })).toEqual([])
  expect(existsSync(join(folder, '.wfstore'))).toBe(false)
})

it('a server that does not answer does not block: the program ends without output', async () => {
  const sockets: Socket[] = []
  const silent = createServer((socket) => sockets.push(socket)).listen(0, '127.0.0.1')
  await once(silent, 'listening')
  const { port } = silent.address() as AddressInfo
  const bin = join(import.meta.dirname, '../../../bin/wfstore.js')
  const child = spawn(process.execPath, [bin, 'complete', 'zsh', 'stats', '--user', ''], {
    env: { DATABASE_URL: `postgresql://127.0.0.1:${port}/x`, WFSTORE_COMPLETION_MS: '50' },
  })
  const [stdout, stderr, [code]] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    once(child, 'close'),
  ])
  expect([code, stdout, stderr]).toEqual([0, 'words\0', ''])
  for (const socket of sockets) socket.destroy()
  silent.close()
})

const anyText = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 12 })
const hostile = fc.string({
  unit: fc.constantFrom(...' \t\n\'"\\$`!*?[]{}()<>|&;#~=:@,-+^%a客'),
  minLength: 1,
  maxLength: 12,
})
const anyValue = fc.oneof(anyText, hostile).filter((value) => !/[^\P{Cc}\n\t]/u.test(value))

it('any completed value is one word for bash, which runs nothing of it', () => {
  const values = fc.sample(anyValue, 2000)
  const lines = values.flatMap((value) => [
    ['wfstore stats --user ', value],
    [`wfstore stats --user "`, value],
    [`wfstore stats --user '`, value],
    [`wfstore stats --user ${value.match(/^[a-z]+[:@=]/)?.[0] ?? ''}`, value],
  ])
  const words: string[] = []
  const expected: string[] = []
  for (const [line = '', value = ''] of lines) {
    const word = splitLine(line).words.at(-1) as Typed
    const reply = bashReply(value, word, BREAKS)
    if (reply === undefined) continue
    // Readline closes a quote that is open, unless what is put in ends with one.
    const { quote = '' } = word.open ?? {}
    words.push(`${word.raw}${reply}${reply.endsWith(quote) ? '' : quote}`)
    expected.push(value)
  }
  expect(words.length).toBeGreaterThan(4000)
  const script = `PATH=; HOME=/expanded; printf '%s\\0' ${words.map((word) => `${word}`).join(' ')}`
  const said = execFileSync('bash', ['--norc', '-s'], {
    input: `${script}\n`,
    env: { LC_ALL: 'C.UTF-8' },
    maxBuffer: 1e8,
  })
  expect(said.toString().split('\0').slice(0, -1)).toEqual(expected)
})

it('a completed word has no control character and no invisible character', async () => {
  await database.sql(
    `insert into workflow_executions (workflow_name, user_id, mode, model_id)
     select 'w', "user", 'm', 'x' from unnest($1::text[]) as of ("user")`,
    [
      [
        'z\u001b[31m',
        'z\u0007',
        'z\u009b1m',
        'z\u202ex',
        'z\u200bx',
        'z'.repeat(500),
        'z\rx',
        'zz',
      ],
    ],
  )
  expect(await offered('stats --user z')).toEqual(['zz'])
})

it('--sort offers the columns of its command, also after a comma', async () => {
  expect(await offered('executions list --sort totalC')).toEqual(['totalCost', 'totalCost:desc'])
  expect(await offered('cost --by user --sort user,co')).toEqual([
    ...['user,cost', 'user,costPerRun', 'user,cost:desc', 'user,costPerRun:desc'],
  ])
  expect(await offered('executions list --sort meta')).toEqual([])
})
