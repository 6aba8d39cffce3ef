import { readFileSync } from 'node:fs'
import { request } from 'node:https'
import { text } from 'node:stream/consumers'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { runCli } from '../../../support/cli.ts'
import type { TestDatabase } from '../../../support/database.ts'
import { createMigrated } from '../../../support/migrated.ts'
import { type Certificates, makeCertificates } from '../../../support/tls/certificates.ts'
import { startedServes } from './serving.ts'

const startServe = startedServes()
let database: TestDatabase
let at: Certificates
beforeAll(async () => {
  database = await createMigrated('serve_tls')
  at = makeCertificates()
})
afterAll(() => database.drop())

const ask = (url: string, path: string, headers: Record<string, string> = {}) =>
  new Promise<{ status?: number | undefined; body: string }>((resolve, reject) => {
    request(
      `${url}${path}`,
      { headers, ca: readFileSync(at('authority.crt')) },
      async (response) => {
        resolve({ status: response.statusCode, body: await text(response) })
      },
    )
      .on('error', reject)
      .end()
  })
const certificate = () => ['--tls-cert', at('address.crt'), '--tls-key', at('address.key')]

it('other machines reach it with TLS and a token', async () => {
  const create = [
    'token',
    'create',
    '--name',
    'tls',
    '--expires',
    '1h',
    '--database-url',
    database.url,
  ]
  const token = { authorization: `Bearer ${(await runCli(create)).stdout.trim()}` }
  const { url } = await startServe(database, certificate(), { address: '0.0.0.0:0' })
  expect(url).toMatch(/^https:/)
  const here = url.replace('0.0.0.0', '127.0.0.1')
  expect(await ask(here, '/healthz')).toEqual({ status: 200, body: '{"status":"ok"}' })
  expect((await ask(here, '/api/v1/executions')).status).toBe(401)
  expect((await ask(here, '/api/v1/executions', token)).status).toBe(200)
  const { status, body } = await ask(here, '/login')
  expect([status, body]).toEqual([200, expect.stringContaining('Log in')])
  // Without TLS there is no answer that a browser would show as a page of ours.
  await expect(fetch(here.replace('https', 'http'))).rejects.toThrow()
})

it('an address of IPv6 has brackets, and the certificate may name it', async () => {
  const plain = await startServe(database, [], { address: '[::1]:0' })
  expect(plain.url).toMatch(/^http:\/\/\[::1\]:\d+$/)
  expect((await plain.get('/api/v1/executions')).status).toBe(200)
  const { url } = await startServe(database, certificate(), { address: '[::1]:0' })
  expect((await ask(url, '/api/v1/executions')).status).toBe(200)
})

it('a key of another certificate, and a file that is no certificate, are refused', async () => {
  const serve = (cert: string, key: string) =>
    runCli(['serve', '--tls-cert', at(cert), '--tls-key', at(key), '--database-url', database.url])
  for (const [cert, key] of [
    ['address.crt', 'db.key'],
    ['address.key', 'address.crt'],
  ] as const)
    expect(await serve(cert, key)).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('are not a certificate and its key'),
    })
})
