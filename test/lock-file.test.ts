import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest'
import { processTag, tryLock } from '../src/lock-file.ts'

let folder: string
let path: string
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'wfstore-lock-'))
  path = join(folder, 'file.lock')
})
afterEach(() => rmSync(path, { force: true }))
afterAll(() => rmSync(folder, { recursive: true }))

function take(options?: { force: boolean }) {
  const attempt = tryLock(path, options)
  if (!('release' in attempt)) throw new Error(`held by ${attempt.holder}`)
  return attempt.release
}

async function deadPid(): Promise<number> {
  const child = spawn(process.execPath, ['--version'], { stdio: 'ignore' })
  await once(child, 'exit')
  return child.pid as number
}

it('a lock has one holder, also within a process, until it is released', () => {
  const release = take()
  expect(tryLock(path)).toEqual({ holder: process.pid })
  release()
  take()()
  expect(readdirSync(folder)).toEqual([])
})

it('a lock of a process that runs is left alone', () => {
  const theirs = `${process.ppid}-abcdef`
  writeFileSync(path, theirs)
  expect(tryLock(path)).toEqual({ holder: process.ppid })
  expect(readFileSync(path, 'utf8')).toBe(theirs)
})

it('a lock of a dead process is taken, also of one that had our process id', async () => {
  for (const pid of [await deadPid(), process.pid]) {
    writeFileSync(path, `${pid}-abcdef`)
    const release = take()
    expect(readFileSync(path, 'utf8')).toContain(processTag())
    release()
  }
  expect(readdirSync(folder)).toEqual([])
})

it('a lock that names no process counts as held', () => {
  writeFileSync(path, '')
  expect(tryLock(path)).toEqual({ holder: undefined })
})

it('a lock taken by force is not released by the one who lost it', () => {
  const first = take()
  const second = take({ force: true })
  first()
  expect(existsSync(path)).toBe(true)
  second()
  expect(existsSync(path)).toBe(false)
})
