import { once } from 'node:events'
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import pg from 'pg'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { connectClient } from '../../../src/db/connect/connect.ts'
import { lazyPool } from '../../../src/db/connect/pool.ts'
import { type Target, urlTarget } from '../../../src/db/connect/target.ts'
import type { Queryable } from '../../../src/db/query/connection.ts'
import * as d from '../../../src/db/query/decode.ts'
import { query } from '../../../src/db/query/query.ts'
import { createDatabase, openPool, type TestDatabase } from '../../support/database.ts'
import { startProxy } from '../../support/failpoint.ts'
import { message } from '../../support/protocol.ts'

let database: TestDatabase
beforeAll(async () => {
  database = await createDatabase('connect')
})
afterAll(() => database.drop())

const closers: (() => unknown)[] = []
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close()
})

const ONE = { one: d.text() }
const ask = (on: Queryable, text = 'select 1 as one') => query(on, text, ONE)

/** The two ways in which we connect. */
const WAYS: [string, (target: Target) => Promise<unknown>][] = [
  [
    'a client',
    async (target) => {
      const client = await connectClient(target)
      closers.push(() => client.end())
      return ask(client)
    },
  ],
  [
    'a pool',
    async (target) => {
      const pool = lazyPool(async () => target)
      closers.push(pool.close)
      return ask(pool)
    },
  ],
]

const LOGIN_REFUSED = '28000'
const error = (code: string, text: string, routine = '') =>
  message('E', `SFATAL\0VFATAL\0C${code}\0M${text}\0${routine && `R${routine}\0`}\0`)

/** A server of this test's own. `answer` gets each connection and the first message on it. */
async function serve(answer: (socket: Socket, first: Buffer, number: number) => void) {
  const sockets = new Set<Socket>()
  let connections = 0
  const server: Server = createServer((socket) => {
    const number = ++connections
    sockets.add(socket)
    socket.on('error', () => {}).once('data', (first) => answer(socket, first, number))
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  closers.push(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  const { port } = server.address() as AddressInfo
  return {
    connections: () => connections,
    target: (parameters = '?sslmode=disable', schema?: string) =>
      urlTarget(`postgresql://u@127.0.0.1:${port}/d${parameters}`, 'the test', {}, schema),
  }
}

describe.each(WAYS)('%s', (_, connect) => {
  it('connects without TLS if the server refuses TLS and sslmode=prefer allows that', async () => {
    const seen: string[] = []
    const { target } = await serve((socket, first) => {
      seen.push(first.length === 8 ? 'TLS' : 'plain')
      if (first.length === 8) socket.write('N')
      else socket.end(error('3D000', 'no such database'))
    })
    const missing = { code: 'database_missing', sqlState: '3D000' }
    await expect(connect(target('?sslmode=prefer'))).rejects.toMatchObject(missing)
    expect(seen).toEqual(['TLS', 'plain'])
    await expect(connect(target('?sslmode=require'))).rejects.toMatchObject({ code: 'unreachable' })
    expect(seen).toEqual(['TLS', 'plain', 'TLS'])
  })

  it('does not connect without TLS only because an error mentions TLS', async () => {
    const { target, connections } = await serve((socket) =>
      socket.end(error('XX000', 'The server does not support SSL connections')),
    )
    await expect(connect(target('?sslmode=prefer'))).rejects.toMatchObject({ code: 'unreachable' })
    expect(connections()).toBe(1)
  })

  it('requires a password only if the server asks for one', async () => {
    const cleartext = Buffer.from([0, 0, 0, 3])
    const asking = await serve((socket) => socket.write(message('R', cleartext)))
    await expect(connect(asking.target())).rejects.toMatchObject({
      code: 'access_denied',
      message: expect.stringMatching(
        /^the server requires a password for u@.*, and none is given$/,
      ),
    })
    const speaking = await serve((socket) =>
      socket.end(error('XX000', 'the password must be a string')),
    )
    await expect(connect(speaking.target())).rejects.toMatchObject({
      code: 'failed',
      sqlState: 'XX000',
    })
  })

  it('leaves no connection open if no password is found', async () => {
    let closed: Promise<unknown> | undefined
    const { target } = await serve((socket) => {
      closed = once(socket, 'close')
      socket.write(message('R', Buffer.from([0, 0, 0, 3])))
    })
    await expect(connect(target())).rejects.toMatchObject({ code: 'access_denied' })
    await closed
  })

  it('that pg_hba.conf refuses without TLS has a hint to use it, in every language of the server', async () => {
    const { target } = await serve((socket) =>
      socket.end(
        error(
          LOGIN_REFUSED,
          'kein pg_hba.conf-Eintrag, keine Verschlüsselung',
          'ClientAuthentication',
        ),
      ),
    )
    await expect(connect(target())).rejects.toMatchObject({
      code: 'access_denied',
      hint: expect.stringContaining('sslmode=require'),
    })
    const url = new URL(database.url)
    url.username = 'no_such_role'
    const named = urlTarget(url.href, 'the test', {})
    await expect(connect(named)).rejects.toMatchObject({
      code: 'access_denied',
      sqlState: LOGIN_REFUSED,
      hint: expect.not.stringContaining('sslmode'),
    })
  })

  it('whose startup options a pooler refuses has this error only if it accepts the connection without them', async () => {
    for (const [code, takesOthers, expected] of [
      ['08P01', true, 'usage'],
      ['0A000', true, 'usage'],
      ['08P01', false, 'unreachable'],
    ] as const) {
      const { target } = await serve((socket, first) => {
        if (takesOthers && !first.includes('\0options\0'))
          socket.write(Buffer.concat([message('R', Buffer.alloc(4)), message('Z', 'I')]))
        else socket.end(error(code, 'no more connections allowed'))
      })
      await expect(connect(target('?sslmode=disable', 'other'))).rejects.toMatchObject({
        code: expected,
        sqlState: expected === 'usage' ? code : undefined,
      })
    }
  })

  it('waits for an answer as long as the target allows, and reports it', async () => {
    const { target } = await serve(() => {})
    const { config, ...rest } = target()
    const hurried = { ...rest, config: { ...config, connectionTimeoutMillis: 50 } }
    await expect(connect(hurried)).rejects.toMatchObject({
      code: 'unreachable',
      message: expect.stringMatching(/: no answer within 0\.05 s$/),
    })
  })

  it('is unreachable if the server closes the connection', async () => {
    const { target } = await serve((socket) => socket.destroy())
    await expect(connect(target())).rejects.toMatchObject({
      code: 'unreachable',
      message: expect.stringMatching(/^cannot reach PostgreSQL as u@/),
    })
  })
})

/** What a store is opened on. */
const KINDS: [string, (url: string) => Promise<Queryable>][] = [
  [
    'a client of the application',
    async (url) => {
      const client = new pg.Client({ connectionString: url })
      client.on('error', () => {})
      await client.connect()
      closers.push(() => client.end())
      return client
    },
  ],
  [
    'a pool of the application',
    async (url) => {
      const pool = openPool({ connectionString: url, max: 1 })
      pool.on('error', () => {})
      closers.push(() => pool.end())
      return pool
    },
  ],
  [
    'our own client',
    async (url) => {
      const client = await connectClient(urlTarget(url, 'the test', {}))
      closers.push(() => client.end())
      return client
    },
  ],
  [
    'our own pool',
    async (url) => {
      const pool = lazyPool(async () => urlTarget(url, 'the test', {}))
      closers.push(pool.close)
      return pool
    },
  ],
]

describe.each(KINDS)('on %s', (_, open) => {
  it('a connection that is lost during a statement is unreachable, without a SQLSTATE', async () => {
    const cut = async ({ text }: { text: string }) => (/cut/.test(text) ? 'cut' : undefined)
    const proxy = await startProxy(database.url, { after: cut })
    closers.push(proxy.close)
    const on = await open(proxy.url)
    await ask(on)
    await expect(ask(on, 'select 1 as one /* cut */')).rejects.toMatchObject({
      code: 'unreachable',
      sqlState: undefined,
      message: expect.stringMatching(/^lost the connection to the database: /),
    })
  })

  it('an error of the server with any message is not an error of the connection', async () => {
    const on = await open(database.url)
    for (const words of [
      'Connection terminated unexpectedly',
      'timeout expired',
      'Client was closed and is not queryable',
      'There was an error establishing an SSL connection',
    ]) {
      const text = `do $$ begin raise exception '${words}'; end $$`
      await expect(ask(on, text)).rejects.toMatchObject({
        code: 'failed',
        sqlState: 'P0001',
        message: words,
      })
      expect(await ask(on)).toEqual([{ one: '1' }])
    }
  })
})

it('a client whose connection the server ended while it was idle is unreachable', async () => {
  const client = await connectClient(urlTarget(database.url, 'the test', {}))
  const ended = new Promise((resolve) => client.once('end', resolve))
  await database.sql('select pg_terminate_backend($1::int)', [
    (client as pg.Client & { processID: number }).processID,
  ])
  await ended
  await expect(ask(client)).rejects.toMatchObject({ code: 'unreachable' })
})

it('a pool of the application that cannot connect is unreachable; one that has ended is a mistake', async () => {
  const away = new pg.Pool({ connectionString: 'postgresql://u@127.0.0.1:1/d' })
  await expect(ask(away)).rejects.toMatchObject({
    code: 'unreachable',
    message: 'cannot connect to the database: connect ECONNREFUSED 127.0.0.1:1',
  })
  await away.end()
  await expect(ask(away)).rejects.toMatchObject({ code: 'failed' })
  const url = new URL(database.url)
  url.pathname = '/no_such_database'
  const wrong = new pg.Pool({ connectionString: url.href })
  await expect(ask(wrong)).rejects.toMatchObject({ code: 'database_missing', sqlState: '3D000' })
  await wrong.end()
})

it('a pool of the application whose connection ends at once is unreachable, and the process continues', async () => {
  const parts = [message('R', Buffer.alloc(4)), message('Z', 'I'), error('57P01', 'stopping')]
  const { target } = await serve((socket) => socket.end(Buffer.concat(parts)))
  const pool = new pg.Pool(target().config)
  pool.on('error', () => {})
  await expect(ask(pool)).rejects.toMatchObject({ code: 'unreachable' })
  await pool.end()
})

it('a pool of the application keeps its connection after an error of the server', async () => {
  const pool = openPool({ connectionString: database.url, max: 1 })
  const pid = () => query(pool, 'select pg_backend_pid() as pid', { pid: d.text() })
  const before = await pid()
  await expect(ask(pool, 'select 1 / 0 as one')).rejects.toMatchObject({ sqlState: '22012' })
  expect(await pid()).toEqual(before)
  await pool.end()
})
