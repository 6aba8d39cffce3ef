// The installed program: it needs `npm run build`.
import { once } from 'node:events'
import { afterAll, beforeAll, expect, it } from 'vitest'
import type { TestDatabase } from '../../../support/database.ts'
import { createMigrated } from '../../../support/migrated.ts'
import { startProgram } from '../../../support/process.ts'
import { lockRuns, untilWaiting } from './serving.ts'

let database: TestDatabase
beforeAll(async () => {
  database = await createMigrated('serve_process')
})
afterAll(() => database.drop())

async function start(...argv: string[]) {
  const program = startProgram(
    'serve',
    '--listen',
    '127.0.0.1:0',
    ...argv,
    '--database-url',
    database.url,
  )
  let shown = ''
  program.child.stderr?.on('data', (text: string) => {
    shown += text
  })
  await program.said('listening on ')
  while (!/listening on \S+\n/.test(shown))
    await once(program.child.stderr as NodeJS.EventEmitter, 'data')
  const [, url = ''] = /listening on (\S+)\/\n/.exec(shown) ?? []
  return { ...program, url }
}

it.each([
  ['SIGTERM', 143],
  ['SIGINT', 130],
] as const)(
  '%s ends it when the request in progress is answered, with status %i',
  async (signal, status) => {
    const { url, child, ended } = await start()
    const unlock = await lockRuns(database)
    const answer = fetch(`${url}/api/v1/executions`)
    await untilWaiting(database)
    child.kill(signal)
    await unlock()
    expect((await answer).status).toBe(200)
    expect((await ended).code).toBe(status)
  },
)

it('SIGKILL leaves no session and no lock', async () => {
  const { url, kill } = await start()
  const unlock = await lockRuns(database)
  const answer = fetch(`${url}/api/v1/executions`)
  answer.catch(() => {})
  await untilWaiting(database)
  await kill()
  await expect(answer).rejects.toThrow()
  await unlock()
  const sessions = `select from pg_stat_activity where datname = current_database() and application_name like 'wfstore%'`
  while ((await database.sql(sessions)).length > 0);
  await database.sql(
    `begin; lock table workflow_executions in access exclusive mode nowait; rollback`,
  )
})
