import { execFileSync, type SpawnSyncReturns, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { copyFileSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { get } from 'node:https'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { runCli } from './support/cli.ts'
import type { TestDatabase } from './support/database.ts'
import { blocksOf } from './support/doc-blocks.ts'
import { dataFolder } from './support/folder.ts'
import { createMigrated } from './support/migrated.ts'
import { startProgram } from './support/process.ts'

const root = join(import.meta.dirname, '..')
const page = readFileSync(join(root, 'docs/SERVE.md'), 'utf8')
const containerfile = readFileSync(join(root, 'docs/Containerfile'), 'utf8')

let database: TestDatabase
let token: string
const stops: (() => unknown)[] = []
beforeEach(async () => {
  database = await createMigrated('docs_serve')
  const { stdout } = await runCli(['token', 'create', '--name', 'docs', '--json'], {
    env: { DATABASE_URL: database.url },
  })
  token = JSON.parse(stdout).token
})
afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop()
  await database.drop()
})

async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as { port: number }
  await new Promise((resolve) => server.close(resolve))
  return port
}

async function serving(words: string[]): Promise<void> {
  const server = startProgram(...words, '--database-url', database.url)
  stops.push(() => server.kill())
  await server.said('listening on')
}

describe('the Containerfile', () => {
  const instruction = (name: string) =>
    new RegExp(`^${name} (.*)$`, 'm').exec(containerfile)?.[1] as string

  it('starts a server that its health check finds, and only while it runs', async () => {
    const port = String(await freePort())
    const check = (): SpawnSyncReturns<string> => {
      const [, words] = /CMD (\[.*\])$/.exec(instruction('HEALTHCHECK')) as unknown as [0, string]
      const [, ...rest] = JSON.parse(words.replace('8787', port)) as string[]
      return spawnSync(process.execPath, rest, { encoding: 'utf8' })
    }
    expect(check().status).toBe(1)
    expect(instruction('ENTRYPOINT')).toBe('["wfstore"]')
    await serving(JSON.parse(instruction('CMD').replace('0.0.0.0:8787', `127.0.0.1:${port}`)))
    expect(check()).toMatchObject({ status: 0, stderr: '' })
  })

  it('installs the packed program', { tags: 'slow' }, () => {
    const folder = dataFolder('container')
    execFileSync('npm', ['pack', '--ignore-scripts', '--pack-destination', folder], { cwd: root })
    const [from = '', to = ''] = instruction('COPY').split(' ')
    const [packed = ''] = readdirSync(folder)
    expect(packed).toMatch(new RegExp(`^${from.replace('*', '.*')}$`))
    copyFileSync(join(folder, packed), join(folder, 'copied.tgz'))
    const prefix = join(folder, 'installed')
    mkdirSync(prefix)
    const command = instruction('RUN').replaceAll(to, join(folder, 'copied.tgz'))
    execFileSync('sh', ['-c', command], { env: { ...process.env, npm_config_prefix: prefix } })
    const version = execFileSync(join(prefix, 'bin/wfstore'), ['--version'], { encoding: 'utf8' })
    expect(version.trim()).not.toBe('')
  })
})

/** A proxy with the config of the page, in front of a server that is started as the page says. */
async function proxied(program: string, language: 'nginx' | 'caddyfile'): Promise<number> {
  const folder = dataFolder(language)
  const [behind, port] = [await freePort(), await freePort()]
  await serving(['serve', '--listen', `127.0.0.1:${behind}`, '--behind-proxy'])
  const files = [
    '-nodes',
    '-keyout',
    join(folder, 'wfstore.key'),
    '-out',
    join(folder, 'wfstore.crt'),
  ]
  execFileSync(
    'openssl',
    [
      'req',
      '-x509',
      '-newkey',
      'rsa:2048',
      ...files,
      '-days',
      '2',
      '-subj',
      '/CN=wfstore.example.com',
    ],
    { stdio: 'ignore' },
  )
  const [block] = blocksOf(page).filter((one) => one.language === language)
  const config = (block?.lines ?? [])
    .join('\n')
    .replaceAll('/etc/ssl', folder)
    .replace('127.0.0.1:8787', `127.0.0.1:${behind}`)
    .replace('listen 443', `listen 127.0.0.1:${port}`)
    // On a port of its own, with a certificate of its own.
    .replace(
      'wfstore.example.com {',
      `{\nadmin off\nskip_install_trust\n}\nhttps://wfstore.example.com:${port} {\ntls internal`,
    )
  const file = join(folder, language)
  writeFileSync(
    file,
    language === 'nginx'
      ? `daemon off; pid ${folder}/pid; error_log stderr; events {}\nhttp { access_log off; ${['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((name) => `${name}_temp_path ${folder}/${name};`).join(' ')}\n${config}\n}`
      : config,
  )
  const words =
    language === 'nginx'
      ? ['-p', folder, '-c', file]
      : ['run', '--adapter', 'caddyfile', '--config', file]
  const env = { ...process.env, HOME: folder, XDG_DATA_HOME: folder, XDG_CONFIG_HOME: folder }
  const proxy = spawn(program, words, { env, stdio: 'ignore' })
  stops.push(async () => {
    proxy.kill('SIGTERM')
    await once(proxy, 'exit')
  })
  return port
}

/** The status and headers of an answer, and its first bytes. */
async function asked(port: number, path: string, headers = {}) {
  for (;;) {
    const request = get({
      ...{ host: '127.0.0.1', port, path, rejectUnauthorized: false },
      servername: 'wfstore.example.com',
      headers: { host: 'wfstore.example.com', ...headers },
    })
    request.on('error', () => {})
    const answered = once(request, 'response').catch(() => undefined)
    const [response] = (await answered) ?? []
    // The proxy has not started.
    if (response === undefined) continue
    const { value: first = '' } = await response.iterator({ destroyOnReturn: false }).next()
    request.destroy()
    return { status: response.statusCode, headers: response.headers, first: String(first) }
  }
}

it.each([
  ['nginx', process.env.WFSTORE_TEST_NGINX],
  ['caddyfile', process.env.WFSTORE_TEST_CADDY],
] as const)('%s passes requests and live updates as the page says', async (language, program) => {
  expect(blocksOf(page).filter((block) => block.language === language)).toHaveLength(1)
  if (program === undefined) return
  const port = await proxied(program, language)
  const bearer = { authorization: `Bearer ${token}` }
  expect((await asked(port, '/healthz')).status).toBe(200)
  expect((await asked(port, '/api/v1/executions')).status).toBe(401)
  expect((await asked(port, '/api/v1/executions', bearer)).status).toBe(200)
  const sent = await asked(port, '/', { accept: 'text/html', 'sec-fetch-mode': 'navigate' })
  expect(sent).toMatchObject({ status: 303, headers: { location: '/login?next=%2F' } })
  const events = await asked(port, '/events?page=executions', bearer)
  expect(events.headers['content-type']).toBe('text/event-stream')
  expect(events.first).not.toBe('')
})
