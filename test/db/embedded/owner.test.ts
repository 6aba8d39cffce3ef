import * as fs from 'node:fs'
import { dirname, join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import {
  logFile,
  passFile,
  runningServer,
  startEmbedded,
  stopEmbedded,
} from '../../../src/db/embedded/server.ts'
import { runCli } from '../../support/cli.ts'
import { dataFolder } from '../../support/folder.ts'
import {
  ask,
  COMMANDS,
  cleanUp,
  embeddedIn,
  isRoot,
  mode,
  nobody,
  quick,
  stopped,
  temporary,
} from './support.ts'

afterEach(cleanUp)

describe.runIf(isRoot)('a folder of another user', () => {
  const { uid = 0, gid = 0 } = nobody
  const giveAll = (path: string) => {
    fs.lchownSync(path, uid, gid)
    if (!fs.lstatSync(path).isDirectory()) return
    for (const name of fs.readdirSync(path)) giveAll(join(path, name))
  }
  const refused = async (dir: string, path = dir) => {
    const before = mode(dir)
    for (const words of [...COMMANDS, ['db', 'status'], ['db', 'trust']]) {
      const { code, stderr } = await runCli(words, {
        cwd: dirname(dir),
        env: { PATH: process.env.PATH },
      })
      expect([words, code]).toEqual([words, 3])
      expect(stderr).toBe(
        `error: ${path} belongs to user nobody; run wfstore as that user, or name a database with --database-url\n`,
      )
    }
    expect(mode(dir)).toBe(before)
  }

  it('is refused before anything of it is read or run', async () => {
    const dir = await stopped()
    fs.mkdirSync(join(dir, 'lib'))
    // A pipe: to read it would never end.
    for (const file of ['PG_VERSION', 'postmaster.pid', 'pgpass', 'postgresql.conf']) {
      fs.rmSync(join(dir, 'data', file), { force: true })
      fs.symlinkSync('/dev/zero', join(dir, 'data', file))
    }
    giveAll(dir)
    await refused(dir)
    fs.rmSync(dir, { recursive: true })
  })

  it('is refused also by a link, and a link of another user to an own folder too', async () => {
    const theirs = await stopped()
    giveAll(theirs)
    const base = temporary()
    fs.symlinkSync(theirs, join(base, '.wfstore'))
    await refused(join(base, '.wfstore'))
    const mine = await stopped()
    const other = temporary()
    fs.symlinkSync(mine, join(other, '.wfstore'))
    fs.lchownSync(join(other, '.wfstore'), uid, gid)
    await refused(join(other, '.wfstore'))
    fs.rmSync(theirs, { recursive: true })
  })

  it('is refused if only a file of it is of another user than root and that of the server', async () => {
    const dir = await stopped()
    for (const path of [logFile(dir), passFile(dir), join(dir, 'data')]) {
      const { uid: owner, gid: group } = fs.statSync(path)
      fs.chownSync(path, 1, 1)
      await expect(startEmbedded(dir, quick)).rejects.toThrow(`${path} belongs to user `)
      fs.chownSync(path, owner, group)
    }
    expect(await ask(await startEmbedded(dir, quick), 'select 1')).toBe(1)
  })

  it('stays as it is if a link of root names it and it has no database', async () => {
    const base = temporary()
    const etc = dataFolder('etc')
    fs.writeFileSync(join(etc, 'hosts'), '')
    fs.chmodSync(etc, 0o755)
    fs.symlinkSync(etc, join(base, '.wfstore'))
    await expect(startEmbedded(join(base, '.wfstore'), quick)).rejects.toThrow(
      `${etc} contains other files than PostgreSQL data`,
    )
    expect(mode(etc)).toBe('755')
    expect(fs.readdirSync(etc)).toEqual(['hosts'])
  })
})

it('a folder that other users can write to is refused, with the command that closes it', async () => {
  const dir = await stopped()
  for (const path of [dir, join(dir, 'data')]) {
    fs.chmodSync(path, 0o770)
    await expect(startEmbedded(dir, quick)).rejects.toMatchObject({
      message: `other users can write to ${path}`,
      hint: expect.stringContaining(`run \`chmod go-w ${path}\``),
    })
    fs.chmodSync(path, 0o700)
  }
  expect(await ask(await startEmbedded(dir, quick), 'select 1')).toBe(1)
})

it('an own folder works by an own link', async () => {
  const base = temporary()
  const real = embeddedIn()
  fs.mkdirSync(real)
  fs.symlinkSync(real, join(base, '.wfstore'))
  const server = await startEmbedded(join(base, '.wfstore'), quick)
  expect(await runningServer(real)).toEqual(server)
  expect(await stopEmbedded(join(base, '.wfstore'))).toBe(server.pid)
})

it('a log that is a link is not followed', async () => {
  const dir = await stopped()
  const other = join(temporary(), 'other')
  fs.writeFileSync(other, 'kept')
  fs.rmSync(logFile(dir))
  fs.symlinkSync(other, logFile(dir))
  await expect(startEmbedded(dir, quick)).rejects.toThrow('ELOOP')
  expect(fs.readFileSync(other, 'utf8')).toBe('kept')
})
