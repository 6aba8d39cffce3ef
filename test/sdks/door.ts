import { WfstoreError } from '../../src/error.ts'
import { DEFAULT_MAPPING } from '../../src/record/otel/mapping.ts'
import { receive } from '../../src/record/otel/store/receive.ts'
import { settleTraces } from '../../src/record/otel/store/reconcile.ts'
import { listen } from '../../src/server/listen.ts'
import { otlpHandler } from '../../src/server/otlp.ts'
import { openAccess } from '../record/otel/store/spans.ts'
import { runCli } from '../support/cli.ts'
import type { TestDatabase } from '../support/database.ts'

const AT_ONCE = { ...DEFAULT_MAPPING, quietMs: 0, abandonMs: 0 }

/** Whether the database becomes unreachable in the request with this number, from 1: before or after the commit. */
export type Fault = (request: number) => 'before' | 'after' | undefined

/** The endpoint for OTLP on a free port. `settle` ends it, and the runs whose spans have arrived. */
export async function openDoor(database: TestDatabase, fault: Fault = () => undefined) {
  const access = openAccess(database)
  const failures: unknown[] = []
  let requests = 0
  const unreachable = new WfstoreError('unreachable', 'the database is unreachable')
  const handler = otlpHandler({
    ingest: async (spans) => {
      const when = fault(++requests)
      if (when === 'before') throw unreachable
      const { rejected } = await receive(access.inTransaction, spans, DEFAULT_MAPPING)
      if (when === 'after') throw unreachable
      return rejected
    },
    onError: (error) => {
      if (error !== unreachable) failures.push(error)
    },
  })
  const { port, close } = await listen(handler, { host: '127.0.0.1', port: 0 })
  return {
    url: `http://127.0.0.1:${port}`,
    settle: async () => {
      await close()
      await settleTraces(access.inTransaction, AT_ONCE)
      await access.close()
      if (failures.length > 0) throw failures[0]
    },
  }
}

/** The same by a command such as `wfstore ingest --listen 127.0.0.1:4318`, but on a free port. */
export async function openCommand(database: TestDatabase, command: string) {
  const stop = new AbortController()
  let said = ''
  let ended: ReturnType<typeof runCli> | undefined
  const url = await new Promise<string>((resolve, reject) => {
    ended = runCli(command.replace(/:\d+$/, ':0').split(' ').slice(1), {
      env: { DATABASE_URL: database.url },
      localNow: new Date(),
      signal: stop.signal,
      show: (text) => {
        said += text
        const [, found] = /listening on (\S+)\/v1\/traces/.exec(said) ?? []
        if (found !== undefined) resolve(found)
      },
    })
    ended.then(() => reject(new Error(said)), reject)
  })
  return {
    url,
    settle: async () => {
      stop.abort('SIGTERM')
      await ended
      const access = openAccess(database)
      await settleTraces(access.inTransaction, AT_ONCE)
      await access.close()
    },
  }
}
