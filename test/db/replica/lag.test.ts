import pg from 'pg'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { type Run, runOn } from '../../../src/db/query/query.ts'
import { readLag } from '../../../src/db/replica/lag.ts'
import { createReplication, type Replication } from '../../support/standby.ts'

let servers: Replication
const clients: pg.Client[] = []
let primary: Run
let standby: Run
beforeAll(async () => {
  servers = await createReplication('lag', async (server) => {
    await server.sql('create role reader login')
  })
  // A role without any privilege: pg_stat_wal_receiver shows it no details.
  primary = await open(servers.primary.url())
  standby = await open(servers.standby.url())
  await commit()
})
afterAll(async () => {
  for (const client of clients) await client.end().catch(() => {})
  await servers?.drop()
})

async function open(url: string): Promise<Run> {
  const client = new pg.Client({ connectionString: url.replace('wfstore@', 'reader@') })
  client.on('error', () => {})
  await client.connect()
  clients.push(client)
  return runOn(client)
}
async function commit(): Promise<void> {
  await servers.primary.sql("select pg_logical_emit_message(true, 'test', '')")
  await servers.caughtUp()
}
/** The primary, with another value in its position. */
const as =
  (other: object): Run =>
  async (statement, shape) =>
    (await primary(statement, shape)).map((row) => ({ ...row, ...other }))
const never = async () => {
  throw new Error('the primary need not be asked')
}

it('within the bound the primary is not asked, and the lag is the time since the last commit', async () => {
  const lag = await readLag(standby, 3_600_000, never)
  expect('ms' in lag && lag.ms).toBeGreaterThan(0)
})

it('beyond it the position of the primary decides, which any role may read', async () => {
  expect(await readLag(standby, 0, async () => primary)).toEqual({ ms: 0 })
})

it('what the primary has written without a transaction, such as hints, is not missing', async () => {
  expect(await readLag(standby, 0, async () => as({ lsn: 'FFFF/0' }))).toEqual({ ms: 0 })
  const more = { lsn: 'FFFF/0', xmax: '9999999999' }
  expect(await readLag(standby, 0, async () => as(more))).not.toEqual({ ms: 0 })
})

it.each([
  ['cluster', { system: '1' }],
  ['timeline, as after a promotion', { timeline: '00000009' }],
])('the same position on another %s proves nothing', async (_, other) => {
  const lag = await readLag(standby, 0, async () => as({ ...other, lsn: '0/1' }))
  expect('ms' in lag && lag.ms).toBeGreaterThan(0)
})

it('a position that the standby has not replayed is a lag, and what keeps it behind is named', async () => {
  await servers.standby.sql('select pg_wal_replay_pause()')
  await servers.primary.sql("select pg_logical_emit_message(true, 'test', '')")
  expect(await readLag(standby, 0, async () => primary)).toEqual({
    ms: expect.any(Number),
    because: 'its replay is paused',
  })
  await servers.standby.sql('select pg_wal_replay_resume()')
  await servers.caughtUp()
})

it('without a primary that answers, the time since the last commit is the lag', async () => {
  const lag = await readLag(standby, 0, never)
  expect('ms' in lag && lag.ms).toBeGreaterThan(0)
})

it('a primary is no standby, and its lag is not known', async () => {
  expect(await readLag(primary, 0, never)).toEqual({ unknown: 'it is not a standby' })
})
