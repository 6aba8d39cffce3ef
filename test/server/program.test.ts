import { readFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import type { TestDatabase } from '../support/database.ts'
import { createMigrated } from '../support/migrated.ts'
import { startProgram } from '../support/process.ts'
import { JSON_TYPE, PROTOBUF_TYPE, post } from './serving.ts'

const fixtures = join(import.meta.dirname, '../fixtures/otlp')
const protobuf = readFileSync(join(fixtures, 'ai7-anthropic.pb'))
const capture = JSON.parse(readFileSync(join(fixtures, 'ai7-dup.json'), 'utf8'))

let database: TestDatabase
beforeEach(async () => {
  database = await createMigrated('program')
})
afterEach(() => database.drop())

async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as { port: number }
  await new Promise((resolve) => server.close(resolve))
  return port
}

it('the installed program takes protobuf and JSON, and a kill loses nothing that it has answered', async () => {
  const address = `127.0.0.1:${await freePort()}`
  const argv = ['ingest', '--listen', address, '--quiet', '0s', '--database-url', database.url]
  const first = startProgram(...argv)
  await first.said('listening on')
  const url = `http://${address}`
  const sent = [
    { headers: PROTOBUF_TYPE, body: protobuf },
    { headers: JSON_TYPE, body: JSON.stringify(capture.requests[0].body) },
  ]
  for (const one of sent) expect((await post(url, one)).status).toBe(200)
  await first.kill()
  const traces = 'select count(distinct trace_id)::int as traces from wfstore_spans'
  expect(await database.sql(traces)).toEqual([{ traces: 2 }])

  // The next one writes the runs, and is ended by a signal.
  const second = startProgram(...argv)
  await second.said('listening on')
  const ended = `select 1 from wfstore_traces where state = 'ended'`
  while ((await database.sql(ended)).length < 2);
  second.child.kill('SIGTERM')
  expect(await second.ended).toEqual({
    code: 143,
    stdout: '',
    stderr: `listening on ${url}/v1/traces\n`,
  })
  const tokens = 'select sum(total_tokens)::int as tokens from workflow_executions'
  const bills = 'select count(*)::int as bills from billing_records'
  expect(await database.sql(tokens)).toEqual([{ tokens: 12509 + 1002 }])
  expect(await database.sql(bills)).toEqual([{ bills: 2 }])
})
