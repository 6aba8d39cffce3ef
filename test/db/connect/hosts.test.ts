import { afterAll, beforeAll, expect, it } from 'vitest'
import { connectClient } from '../../../src/db/connect/connect.ts'
import { lazyPool } from '../../../src/db/connect/pool.ts'
import { urlTarget } from '../../../src/db/connect/target.ts'
import * as d from '../../../src/db/query/decode.ts'
import { query } from '../../../src/db/query/query.ts'
import { createDatabase, type TestDatabase } from '../../support/database.ts'
import { startProxy } from '../../support/failpoint.ts'

let database: TestDatabase
let proxies: { url: string; close: () => Promise<void> }[]
beforeAll(async () => {
  database = await createDatabase('hosts')
  proxies = [await startProxy(database.url, {}), await startProxy(database.url, {})]
})
afterAll(async () => {
  for (const proxy of proxies) await proxy.close()
  await database.drop()
})

const portOf = (index: number) => new URL((proxies[index] as { url: string }).url).port

const listed = (ports: string[], parameters = '') => {
  const { username, pathname } = new URL(database.url)
  const hosts = ports.map((port) => `127.0.0.1:${port}`).join(',')
  return urlTarget(
    `postgresql://${username}@${hosts}${pathname}?sslmode=disable${parameters}`,
    'the test',
    {},
  )
}

const ONE = { one: d.text() }

it('the first host of a list that is reachable is used, by a client and by a pool', async () => {
  const target = listed(['1', portOf(0)])
  const client = await connectClient(target)
  expect(await query(client, 'select 1 as one', ONE)).toEqual([{ one: '1' }])
  await client.end()
  const pool = lazyPool(async () => target)
  expect(await query(pool, 'select 1 as one', ONE)).toEqual([{ one: '1' }])
  await pool.close()
})

it('a pool whose host is gone goes to the next one', async () => {
  const first = await startProxy(database.url, {})
  const pool = lazyPool(async () => listed([new URL(first.url).port, portOf(0)]))
  await query(pool, 'select 1 as one', ONE)
  await first.close()
  // The idle connection may be noticed as lost only by a query.
  await query(pool, 'select 1 as one', ONE).catch(() => {})
  expect(await query(pool, 'select 1 as one', ONE)).toEqual([{ one: '1' }])
  await pool.close()
})

it('if no host of a list is reachable, the error names each', async () => {
  await expect(connectClient(listed(['1', '2']))).rejects.toMatchObject({
    code: 'unreachable',
    message: expect.stringMatching(/127\.0\.0\.1:1\/.*; .*127\.0\.0\.1:2\//),
  })
})

it('a server that refuses the login ends the search', async () => {
  const target = listed([portOf(0), portOf(1)])
  const missing = [target, ...(target.others ?? [])].map((one) => ({
    ...one,
    config: { ...one.config, database: 'no_such_database' },
  }))
  const [first, ...others] = missing as [typeof target]
  await expect(connectClient({ ...first, others })).rejects.toMatchObject({
    code: 'database_missing',
  })
})

it('target_session_attrs accepts only servers of its kind', async () => {
  const accepts = async (kind: string) => {
    const target = listed([portOf(0)], `&target_session_attrs=${kind}`)
    const pool = lazyPool(async () => target)
    const outcome = await query(pool, 'select 1 as one', ONE).then(
      () => 'accepted',
      (error: Error) => error.message.replace(/.*: /, ''),
    )
    const client = await connectClient(target).then(
      (found) => found.end().then(() => 'accepted'),
      (error: Error) => error.message.replace(/.*: /, ''),
    )
    await pool.close()
    expect(client).toBe(outcome)
    return outcome
  }
  for (const kind of ['any', 'read-write', 'primary', 'prefer-standby'])
    expect([kind, await accepts(kind)]).toEqual([kind, 'accepted'])
  expect(await accepts('standby')).toBe(
    'it is a primary, but target_session_attrs requires standby',
  )
  expect(await accepts('read-only')).toBe(
    'it is a primary, but target_session_attrs requires read-only',
  )
  await database.sql(`alter database ${database.name} set default_transaction_read_only = on`)
  expect(await accepts('read-write')).toBe(
    'it is read-only, but target_session_attrs requires read-write',
  )
  expect(await accepts('read-only')).toBe('accepted')
})
