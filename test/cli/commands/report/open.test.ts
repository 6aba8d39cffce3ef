import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { runCli } from '../../../support/cli.ts'
import type { TestDatabase } from '../../../support/database.ts'
import { createMigrated } from '../../../support/migrated.ts'

let database: TestDatabase
let folder: string
beforeAll(async () => {
  database = await createMigrated('report_open')
  folder = mkdtempSync(join(tmpdir(), 'wfstore-open-'))
})
afterAll(async () => {
  await database.drop()
  rmSync(folder, { recursive: true })
})

const untilAborted = (_: number, signal: AbortSignal) =>
  new Promise<void>((_, reject) => {
    signal.addEventListener('abort', () => reject(new Error('aborted')))
  })

/** A program with the name of the opener of this system, which the report finds in PATH. */
const opener = (script: string) => {
  const path = join(folder, process.platform === 'darwin' ? 'open' : 'xdg-open')
  writeFileSync(path, `#!/bin/sh\n${script}\n`, { mode: 0o755 })
}
const report = (path: string, ...argv: string[]) =>
  runCli(['report', ...argv, '--database-url', database.url], {
    cwd: folder,
    env: { PATH: path },
    sleep: untilAborted,
  })

it('--open opens the written file in the default browser', async () => {
  const opened = join(folder, 'opened')
  opener(`echo "$@" > '${opened}'; exit 0`)
  const { code, stderr } = await report(folder, '--out', 'a b.html', '--open')
  expect([code, stderr]).toEqual([0, 'report written to a b.html\n'])
  expect(readFileSync(opened, 'utf8')).toBe(`${join(folder, 'a b.html')}\n`)
  expect(readFileSync(join(folder, 'a b.html'), 'utf8')).toMatch(/^<!doctype html>/i)
})

it('without a browser the file is written, and a note says so', async () => {
  const note = 'report written to c.html; no browser was found to open it\n'
  const missing = await report(join(folder, 'nothing-here'), '--out', 'c.html', '--open')
  expect(missing).toEqual({ code: 0, stdout: '', stderr: note })
  opener('exit 3')
  expect((await report(folder, '--out', 'c.html', '--open')).stderr).toBe(note)
})

it.each([['--open'], ['--open', '--out', '/dev/stdout'], ['--open', '--json']])(
  '%s %s %s is refused before a database is asked',
  async (...argv) => {
    const words = argv.filter((word) => word !== undefined)
    const { code, stdout, stderr } = await runCli(['report', ...words])
    expect([code, stdout]).toEqual([2, ''])
    expect(stderr).toContain('--open requires --out with a file')
  },
)
