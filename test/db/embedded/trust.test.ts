import * as fs from 'node:fs'
import { dirname, join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { stateFolder } from '../../../src/db/embedded/known.ts'
import { runningServer, startEmbedded, stopEmbedded } from '../../../src/db/embedded/server.ts'
import { runCli } from '../../support/cli.ts'
import {
  ask,
  COMMANDS,
  cleanUp,
  embeddedIn,
  isRoot,
  mode,
  nobody,
  quick,
  starter,
  stopped,
  temporary,
} from './support.ts'

afterEach(cleanUp)

const ELSEWHERE =
  /^the embedded database in .* was not created there by you, and a database can run code as you$/
const { PATH } = process.env

/** A copy with the owners and modes of the original, as tar makes one. */
function copy(from: string, to = embeddedIn()): string {
  const walk = (a: string, b: string) => {
    const { uid, gid, mode: bits } = fs.lstatSync(a)
    if (fs.lstatSync(a).isDirectory()) {
      fs.mkdirSync(b)
      for (const name of fs.readdirSync(a)) walk(join(a, name), join(b, name))
    } else if (fs.lstatSync(a).isFile()) fs.copyFileSync(a, b)
    else return
    if (isRoot) fs.chownSync(b, uid, gid)
    fs.chmodSync(b, bits)
  }
  walk(from, to)
  return to
}

describe('a database that this user has not created in its folder', () => {
  it('is not started without a terminal, in one line with exit code 3', async () => {
    const dir = copy(await stopped())
    const cwd = dirname(dir)
    for (const words of COMMANDS) {
      const { code, stdout, stderr } = await runCli(words, { cwd, env: { PATH } })
      expect([words, code, stdout]).toEqual([words, 3, ''])
      expect(stderr).toBe(
        `error: the embedded database in ${dir} was not created there by you, and a database can run code as you; run \`wfstore db trust\` if you trust it, or name a database with --database-url\n`,
      )
    }
    expect(await runningServer(dir)).toBeUndefined()
    await expect(startEmbedded(dir, quick)).rejects.toThrow(ELSEWHERE)
    const status = await runCli(['db', 'status', '--json'], { cwd })
    expect(status.stderr).toContain('run `wfstore db trust`')
    expect(JSON.parse(status.stdout)).toMatchObject({ state: 'untrusted', pid: null, url: null })
  })

  it('is started after a yes on a terminal, and then without a question', async () => {
    const dir = copy(await stopped())
    const cwd = dirname(dir)
    const no = await runCli(['db', 'url'], { cwd, env: { PATH }, answer: 'n\n' })
    expect(no.code).toBe(1)
    expect(no.stderr).toContain('Start it? [y/N]')
    expect(await runningServer(dir)).toBeUndefined()
    expect((await runCli(['db', 'url'], { cwd, env: { PATH }, answer: 'y\n' })).code).toBe(0)
    expect(await runCli(['db', 'stop'], { cwd })).toMatchObject({ code: 0 })
    expect(await runCli(['db', 'url'], { cwd, env: { PATH } })).toMatchObject({ code: 0 })
  })

  it('is started after db trust, which says whether it was trusted before', async () => {
    const dir = copy(await stopped())
    const cwd = dirname(dir)
    const trust = () => runCli(['db', 'trust'], { cwd })
    expect(await trust()).toEqual({
      ...{ code: 0, stdout: '', stderr: `trusted the database in ${dir}\n` },
    })
    expect((await trust()).stderr).toBe(`the database in ${dir} is trusted already\n`)
    expect((await runCli(['db', 'url'], { cwd, env: { PATH } })).code).toBe(0)
    expect((await runCli(['db', 'trust'], { cwd: temporary() })).code).toBe(3)
  })

  it('is a restored copy in the old place too, but not a renamed folder', async () => {
    const dir = await stopped()
    const renamed = embeddedIn()
    fs.renameSync(dir, renamed)
    expect(await ask(await startEmbedded(renamed, quick), 'select 1')).toBe(1)
    await stopEmbedded(renamed)
    copy(renamed, dir)
    await expect(startEmbedded(dir, quick)).rejects.toThrow(ELSEWHERE)
    fs.rmSync(renamed, { recursive: true })
    await expect(startEmbedded(dir, quick)).rejects.toThrow(ELSEWHERE)
  })

  it('does not tell a client where its server listens', async () => {
    const dir = await stopped()
    const own = embeddedIn()
    const { socketDir } = await startEmbedded(own, quick)
    const lines = fs.readFileSync(join(own, 'data', 'postmaster.pid'), 'utf8').split('\n')
    lines[4] = String(socketDir)
    const foreign = copy(dir)
    fs.writeFileSync(join(foreign, 'data', 'postmaster.pid'), lines.join('\n'))
    await expect(startEmbedded(foreign, quick)).rejects.toThrow(ELSEWHERE)
    await expect(stopEmbedded(foreign)).rejects.toThrow(ELSEWHERE)
    expect(await ask(await startEmbedded(own, quick), 'select 1')).toBe(1)
  })
})

describe('what a user has created is remembered', () => {
  const open = async (dir: string, env: Record<string, string>) => {
    const server = await startEmbedded(dir, { ...quick, env })
    await stopEmbedded(dir, env)
    return server.pid > 0
  }

  it('in XDG_STATE_HOME or else in the home of the user, closed to others', async () => {
    const [state, home] = [temporary(), temporary()]
    const dir = embeddedIn()
    expect(await open(dir, { XDG_STATE_HOME: state, HOME: home })).toBe(true)
    const folder = join(state, 'wfstore', 'databases')
    const [name = ''] = fs.readdirSync(folder)
    expect(fs.readFileSync(join(folder, name), 'utf8')).toBe(`${dir}\n`)
    expect([folder, join(folder, name)].map(mode)).toEqual(['700', '600'])
    expect(fs.readdirSync(home)).toEqual([])
    await expect(open(dir, { HOME: home })).rejects.toThrow(ELSEWHERE)
    expect(stateFolder({ HOME: home })).toBe(join(home, '.local/state/wfstore'))
  })

  it('not in a folder that other users can write to', () => {
    const [state, home] = [temporary(), temporary()]
    const folder = join(state, 'wfstore')
    fs.mkdirSync(folder)
    fs.chmodSync(folder, 0o777)
    expect(stateFolder({ XDG_STATE_HOME: state, HOME: home })).toBe(
      join(home, '.local/state/wfstore'),
    )
  })

  it.runIf(isRoot)('not in the home of another user, which sudo may have kept', () => {
    const home = temporary()
    fs.chownSync(home, nobody.uid ?? 0, nobody.gid ?? 0)
    expect(stateFolder({ HOME: home })).toBe(join(String(process.env.HOME), '.local/state/wfstore'))
    expect(fs.readdirSync(home)).toEqual([])
  })

  it.runIf(isRoot).each(['without a home', 'with a read-only home'])(
    'in the folder for temporary files for a user %s',
    async (which) => {
      const readOnly = temporary(0o500)
      fs.chownSync(readOnly, nobody.uid ?? 0, nobody.gid ?? 0)
      const env = { HOME: which === 'without a home' ? '/nonexistent' : readOnly }
      const tmp = temporary()
      fs.chownSync(tmp, nobody.uid ?? 0, nobody.gid ?? 0)
      const base = temporary()
      fs.chownSync(base, nobody.uid ?? 0, nobody.gid ?? 0)
      const dir = embeddedIn(base)
      for (const create of [true, false]) {
        const other = await starter(nobody, { ...env, TMPDIR: tmp })
        const { error } = await other.start(dir, { ...quick, create })
        expect(error).toBeUndefined()
      }
      expect(fs.readdirSync(join(tmp, `wfstore-${nobody.uid}`))).toContain('databases')
      expect(mode(join(tmp, `wfstore-${nobody.uid}`))).toBe('700')
    },
  )
})
