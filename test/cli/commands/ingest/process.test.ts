// The command as it is installed: bin over the bundle that `npm run build` made.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createConnection } from 'node:net'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { afterAll, beforeAll, expect, it } from 'vitest'
import type { TestDatabase } from '../../../support/database.ts'
import { createMigrated } from '../../../support/migrated.ts'
import { untilWaiting } from '../serve/serving.ts'
import { holdTraces } from './support.ts'

const root = join(import.meta.dirname, '../../../..')
const body = readFileSync(join(root, 'test/fixtures/otlp/ai7-anthropic.pb'))
const capture = readFileSync(join(root, 'test/fixtures/otlp/ai7-anthropic.json'), 'utf8')

let database: TestDatabase
beforeAll(async () => {
  database = await createMigrated('ingest_process')
})
afterAll(() => database.drop())

async function start() {
  const { PATH, HOME } = process.env
  const argv = ['ingest', '--listen', '127.0.0.1:0']
  const child = spawn(process.execPath, [join(root, 'bin/wfstore.js'), ...argv], {
    env: { PATH, HOME, DATABASE_URL: database.url },
  })
  const ended = once(child, 'close') as Promise<[number | null]>
  const [line] = (await once(child.stderr, 'data')) as [Buffer]
  const [, url = ''] = /^listening on (\S+)\n$/.exec(String(line)) ?? []
  return { child, url, rest: text(child.stderr), ended }
}

const send = (url: string) =>
  fetch(url, { method: 'POST', body, headers: { 'content-type': 'application/x-protobuf' } })

/** Waits until the server of this URL takes no more connections. */
async function closed(url: string): Promise<void> {
  const { hostname, port } = new URL(url)
  for (;;) {
    const socket = createConnection({ host: hostname, port: Number(port) })
    const isOpen = await new Promise<boolean>((resolve) => {
      socket.once('connect', () => resolve(true)).once('error', () => resolve(false))
    })
    socket.destroy()
    if (!isOpen) return
  }
}

it.each([
  ['SIGINT', 130],
  ['SIGTERM', 143],
] as const)('%s answers the request in progress, and exits with %i', async (signal, status) => {
  const { child, url, rest, ended } = await start()
  const locker = await database.connect()
  await holdTraces(locker, capture)
  const answer = send(url)
  await untilWaiting(database)
  child.kill(signal)
  await closed(url)
  await locker.query('rollback')
  await locker.end()
  expect((await answer).status).toBe(200)
  expect([(await ended)[0], await rest]).toEqual([status, ''])
  const spans = await database.sql(`delete from wfstore_spans returning 1`)
  expect(spans.length).toBeGreaterThan(0)
})
