import { copyFileSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { connectClient } from '../../../src/db/connect/connect.ts'
import { lazyPool } from '../../../src/db/connect/pool.ts'
import { urlTarget } from '../../../src/db/connect/target.ts'
import * as d from '../../../src/db/query/decode.ts'
import { query } from '../../../src/db/query/query.ts'
import { startTlsServer, type TlsServer } from '../../support/tls.ts'

let server: TlsServer
let home: string
beforeAll(async () => {
  server = await startTlsServer()
  home = mkdtempSync(join(tmpdir(), 'wfstore-home-'))
})
afterAll(async () => {
  await server.close()
  rmSync(home, { recursive: true })
})

const ENCRYPTED = 'select ssl as encrypted from pg_stat_ssl where pid = pg_backend_pid()'

/** Is the connection encrypted? A client and a pool say the same. The host is db.test, at the address of loopback. */
async function encrypted(parameters: string, env: Record<string, string> = {}, host = 'db.test') {
  const url = `postgresql://wfstore:${server.password}@${host}:${server.port}/wfstore?hostaddr=127.0.0.1${parameters}`
  const target = urlTarget(url, 'the test', { HOME: home, ...env })
  const client = await connectClient(target)
  const pool = lazyPool(async () => target)
  try {
    const [row] = await query(client, ENCRYPTED, { encrypted: d.boolean() })
    const [pooled] = await query(pool, ENCRYPTED, { encrypted: d.boolean() })
    expect(pooled).toEqual(row)
    return row?.encrypted
  } finally {
    await client.end()
    await pool.close()
  }
}

it('a connection is encrypted if the server can, without any sslmode too', async () => {
  expect(await encrypted('')).toBe(true)
  for (const mode of ['prefer', 'require']) expect(await encrypted(`&sslmode=${mode}`)).toBe(true)
  for (const mode of ['disable', 'allow']) expect(await encrypted(`&sslmode=${mode}`)).toBe(false)
  expect(await encrypted('&ssl=true')).toBe(true)
  expect(await encrypted('&sslmode=require&sslnegotiation=postgres')).toBe(true)
})

it('verify-full needs the authority and the name, verify-ca the authority, require only if there is one', async () => {
  const root = `&sslrootcert=${server.authority}`
  expect(await encrypted(`&sslmode=verify-full${root}`)).toBe(true)
  expect(await encrypted(`&sslmode=verify-ca${root}`, {}, 'elsewhere.test')).toBe(true)
  await expect(
    encrypted(`&sslmode=verify-full${root}`, {}, 'elsewhere.test'),
  ).rejects.toMatchObject({
    code: 'unreachable',
    hint: 'connect by a name that the certificate of the server has, or use sslmode=verify-ca',
  })
  for (const mode of ['verify-full', 'verify-ca', 'require'])
    await expect(encrypted(`&sslmode=${mode}&sslrootcert=${server.other}`)).rejects.toMatchObject({
      code: 'unreachable',
      hint: expect.stringContaining('set sslrootcert to the certificate of the authority'),
    })
})

it('sslrootcert=system means verify-full against the authorities of this machine', async () => {
  const trusting = { SSL_CERT_FILE: server.authority }
  expect(await encrypted('&sslrootcert=system', trusting)).toBe(true)
  await expect(encrypted('&sslrootcert=system', trusting, 'elsewhere.test')).rejects.toMatchObject({
    code: 'unreachable',
  })
  await expect(encrypted('&sslrootcert=system')).rejects.toMatchObject({ code: 'unreachable' })
  await expect(encrypted('&sslrootcert=system&sslmode=require')).rejects.toMatchObject({
    code: 'usage',
    hint: 'use sslmode=verify-full',
  })
})

it('~/.postgresql/root.crt is the authority if none is given; without any, verify-full is wrong usage', async () => {
  await expect(encrypted('&sslmode=verify-full')).rejects.toMatchObject({
    code: 'usage',
    message: expect.stringContaining('.postgresql/root.crt does not exist'),
  })
  mkdirSync(join(home, '.postgresql'))
  copyFileSync(server.authority, join(home, '.postgresql', 'root.crt'))
  expect(await encrypted('&sslmode=verify-full')).toBe(true)
  copyFileSync(server.other, join(home, '.postgresql', 'root.crt'))
  await expect(encrypted('&sslmode=require')).rejects.toMatchObject({ code: 'unreachable' })
  rmSync(join(home, '.postgresql'), { recursive: true })
})

it('channel_binding=require logs in only over TLS that the password proves', async () => {
  expect(await encrypted('&channel_binding=require')).toBe(true)
  expect(await encrypted('&channel_binding=disable')).toBe(true)
  await expect(encrypted('&channel_binding=require&sslmode=disable')).rejects.toMatchObject({
    code: 'access_denied',
    message: expect.stringContaining('channel_binding=require'),
  })
  await server.run("set password_encryption = 'md5'; create role weak login password 'weak'")
  for (const method of ['password', 'md5', 'trust']) {
    await server.admit(`host wfstore weak all ${method}`)
    const url = `postgresql://weak:weak@127.0.0.1:${server.port}/wfstore?channel_binding=`
    await (await connectClient(urlTarget(`${url}prefer`, 'the test', {}))).end()
    await expect(connectClient(urlTarget(`${url}require`, 'the test', {}))).rejects.toMatchObject({
      code: 'access_denied',
    })
    const pool = lazyPool(async () => urlTarget(`${url}require`, 'the test', {}))
    await expect(query(pool, 'select 1', {})).rejects.toMatchObject({ code: 'access_denied' })
    await pool.close()
  }
})
