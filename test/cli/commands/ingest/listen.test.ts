import { createServer } from 'node:net'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { type CliResult, runCli } from '../../../support/cli.ts'
import { collectorLines } from '../../../support/collector.ts'
import type { TestDatabase } from '../../../support/database.ts'
import { createTemplate, type Template } from '../../../support/template.ts'
import { untilWaiting } from '../serve/serving.ts'
import { holdTraces } from './support.ts'

let template: Template
let database: TestDatabase
beforeAll(async () => {
  template = await createTemplate('ingest_listen', async ({ url }) => {
    await runCli(['migrate', 'up', '--database-url', url])
  })
})
afterAll(() => template.drop())
beforeEach(async () => {
  database = await template.copy()
})
afterEach(() => database.drop())

interface Running {
  url: string
  /** Ends it by a signal. */
  end: (signal?: string) => Promise<CliResult>
}

/** Starts it on a free port, and waits until it listens. */
async function start(argv: string[] = [], address = '127.0.0.1:0'): Promise<Running> {
  const interruption = new AbortController()
  let ended: Promise<CliResult> | undefined
  const url = await new Promise<string>((resolve, reject) => {
    let shown = ''
    ended = runCli(['ingest', '--listen', address, ...argv, '--database-url', database.url], {
      signal: interruption.signal,
      show: (text) => {
        shown += text
        const [, found] = /^listening on (\S+)$/m.exec(shown) ?? []
        if (found !== undefined) resolve(found)
      },
    })
    ended.then(({ stderr }) => reject(new Error(stderr)), reject)
  })
  return {
    url,
    end: (signal = 'SIGTERM') => {
      interruption.abort(signal)
      return ended as Promise<CliResult>
    },
  }
}

const send = (url: string, body: string) =>
  fetch(url, { method: 'POST', body, headers: { 'content-type': 'application/json' } })
const lines = (...captures: string[]) =>
  collectorLines(...captures)
    .trimEnd()
    .split('\n')

/** Waits for a row. */
async function until(condition: string): Promise<void> {
  while ((await database.sql(`select 1 where ${condition}`)).length === 0);
}

describe('ingest --listen', () => {
  it('prints one line, stores traces, ends their runs after the quiet time, and says nothing else', async () => {
    const { url, end } = await start(['--quiet', '0s'])
    expect(url).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/v1\/traces$/)
    for (const line of lines('ai7-sub')) expect((await send(url, line)).status).toBe(200)
    await until(`exists (select 1 from wfstore_traces where state = 'ended')`)
    expect(await end()).toEqual({ code: 143, stdout: '', stderr: `listening on ${url}\n` })
    expect(await database.sql(`select status, total_tokens::int from workflow_executions`)).toEqual(
      [{ status: 'success', total_tokens: 1604 }],
    )
  })

  it('shows a run as running until its quiet time is over, and an interruption ends no run', async () => {
    const { url, end } = await start()
    for (const line of lines('ai7-sub')) await send(url, line)
    await until(`exists (select 1 from workflow_executions where status = 'running')`)
    expect(await end('SIGINT')).toMatchObject({ code: 130 })
    expect(await database.sql(`select status from workflow_executions`)).toEqual([
      { status: 'running' },
    ])
    expect(await database.sql(`select state from wfstore_traces`)).toEqual([{ state: 'running' }])
  })

  it('SIGTERM answers the request in progress when it is committed', async () => {
    const { url, end } = await start()
    const locker = await database.connect()
    const [body = ''] = lines('ai7-sub')
    await holdTraces(locker, body)
    const answer = send(url, body)
    await untilWaiting(database)
    const ended = end()
    await locker.query('rollback')
    await locker.end()
    expect((await answer).status).toBe(200)
    expect((await ended).code).toBe(143)
    expect(await database.sql(`select 1 from wfstore_spans limit 1`)).toHaveLength(1)
  })

  it('a refusal has a line, and the others of its reason one at the end', async () => {
    const { url, end } = await start()
    for (let n = 0; n < 3; n++) expect((await send(url, '{')).status).toBe(400)
    const zeros = { traceId: '0'.repeat(32), spanId: '39ff616c3a7d3584' }
    const body = JSON.stringify({ resourceSpans: [{ scopeSpans: [{ spans: [zeros, zeros] }] }] })
    expect((await send(url, body)).status).toBe(200)
    const { stderr } = await end()
    expect(stderr.split('\n')).toEqual([
      `listening on ${url}`,
      expect.stringMatching(/^1 request refused: the body is not an ExportTraceServiceRequest/),
      expect.stringMatching(/^2 spans refused: /),
      expect.stringMatching(/^2 requests refused: the body is not an ExportTraceServiceRequest/),
      '',
    ])
  })

  it('warns if other machines can reach it', async () => {
    const { url, end } = await start([], '0.0.0.0:0')
    const { stderr } = await end()
    expect(stderr).toBe(
      `warning: other machines can reach ${url.replace('/v1/traces', '')}, and it asks for no password\nlistening on ${url}\n`,
    )
  })

  it('listens on an IPv6 address', async () => {
    const { url, end } = await start([], '[::1]:0')
    expect(url).toMatch(/^http:\/\/\[::1\]:\d+\/v1\/traces$/)
    expect((await end()).stderr).toBe(`listening on ${url}\n`)
  })

  it('what it cannot use is one line with the exit code', async () => {
    const taken = createServer()
    await new Promise<void>((resolve) => taken.listen(0, '127.0.0.1', resolve))
    const { port } = taken.address() as { port: number }
    const fail = (address: string, url = database.url) =>
      runCli(['ingest', '--listen', address, '--database-url', url])
    expect(await fail(`127.0.0.1:${port}`)).toEqual({
      ...{ code: 1, stdout: '' },
      stderr: `error: 127.0.0.1:${port} is used by another process; choose another address or port\n`,
    })
    taken.close()
    expect(await fail('192.0.2.1:0')).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(
        /^error: 192\.0\.2\.1:0 is not an address of this machine.*\n$/,
      ),
    })
    expect(await fail('127.0.0.1:0', `${database.url}_gone`)).toMatchObject({
      code: 3,
      stderr: expect.stringMatching(/^error: [^\n]*\n$/),
    })
    await database.sql('delete from wfstore_migrations')
    expect(await fail('127.0.0.1:0')).toMatchObject({
      code: 4,
      stderr: expect.stringMatching(/^error: [^\n]*\n$/),
    })
  })
})
