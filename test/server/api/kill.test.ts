import { once } from 'node:events'
import type { Readable } from 'node:stream'
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest'
import type { TestDatabase } from '../../support/database.ts'
import { createMigrated } from '../../support/migrated.ts'
import { type Program, startProgram } from '../../support/process.ts'
import { createToken } from '../access/token-site.ts'
import { entriesOf } from './acting.ts'

const ID = '0193f1c2-7a5e-7c11-9d3e-2b6f0a4c8e57'

let database: TestDatabase
let token: string
const programs: Program[] = []
beforeAll(async () => {
  database = await createMigrated('api_kill')
  token = await createToken(database, '--name on-call --can write')
  await database.sql(`
    insert into workflow_executions (execution_id, workflow_name, user_id, mode, model_id, status, start_time, total_cost)
      values ('${ID}', 'w', 'user_7', 'Sales', 'gpt-4o', 'running', now(), 1.25)`)
})
afterEach(async () => {
  for (const program of programs.splice(0)) await program.kill()
})
afterAll(() => database.drop())

/** Starts the installed `wfstore serve`. @returns its address */
async function serve(): Promise<{ program: Program; url: string }> {
  const words = ['--listen', '127.0.0.1:0', '--allow-writes', '--database-url', database.url]
  const program = startProgram('serve', ...words)
  programs.push(program)
  let said = ''
  for (;;) {
    const [, url] = /^listening on (\S+)\/$/m.exec(said) ?? []
    if (url !== undefined) return { program, url }
    const next = once(program.child.stderr as Readable, 'data')
    const text = await Promise.race([next, program.ended])
    if (!Array.isArray(text)) throw new Error(text.stderr)
    said += text[0]
  }
}

const cancel = async (url: string) => {
  const answer = await fetch(`${url}/api/v1/executions/${ID}/cancel`, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${token}`,
      'content-type': 'application/json',
      'idempotency-key': 'k',
    },
    body: '{"reason":"started twice"}',
  })
  return { status: answer.status, headers: answer.headers, json: await answer.json() }
}

/** The sessions of the server that wait for a lock. */
async function waiting(): Promise<number[]> {
  const rows = await database.sql(
    'select pid from pg_stat_activity where datname = current_database() and cardinality(pg_blocking_pids(pid)) > 0',
  )
  return rows.map(({ pid }) => Number(pid))
}

async function until(isTrue: () => Promise<boolean>): Promise<void> {
  while (!(await isTrue())) {}
}

it('a server that is killed during an action: another one ends it for the same key, once', async () => {
  const holder = await database.connect()
  await holder.query('begin; select from workflow_executions for update')
  const first = await serve()
  const lost = cancel(first.url)
  lost.catch(() => {})
  await until(async () => (await waiting()).length > 0)
  const [session] = await waiting()
  await first.program.kill()
  await expect(lost).rejects.toThrow()
  expect(await entriesOf(database)).toMatchObject([
    { user_id: 'on-call', success: false, error_message: 'not finished' },
  ])

  const second = await serve()
  // The statement of the killed server still waits, and so does its lock of the key.
  expect((await cancel(second.url)).status).toBe(409)
  await holder.query('rollback')
  await holder.end()
  await until(
    async () =>
      (await database.sql('select from pg_stat_activity where pid = $1', [session])).length === 0,
  )
  const answer = await cancel(second.url)
  expect(answer.status).toBe(200)
  const again = await cancel(second.url)
  expect([again.json, again.headers.get('idempotency-replayed')]).toEqual([answer.json, 'true'])
  expect(await entriesOf(database)).toMatchObject([{ success: true, error_message: null }])
  const rows = await database.sql('select status, error_message from workflow_executions')
  expect(rows).toEqual([{ status: 'cancelled', error_message: 'started twice' }])
  expect(await database.sql('select cost::text from billing_records')).toEqual([{ cost: '1.25' }])
})
