import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { type CliOptions, runCli } from '../../../support/cli.ts'
import type { TestDatabase } from '../../../support/database.ts'
import { dataFolder } from '../../../support/folder.ts'
import { expectGolden } from '../../../support/golden.ts'
import { startProgram } from '../../../support/process.ts'
import type { Template } from '../../../support/template.ts'
import { ALL, BEFORE, CLEANED, cleanupOn, oldStore, rowsOf, steady } from '../cleanup/support.ts'

let template: Template
let database: TestDatabase
let folder: string

beforeAll(async () => {
  template = await oldStore('cli_archive')
})
beforeEach(async () => {
  database = await template.copy()
  folder = dataFolder('archive')
})
afterEach(async () => {
  rmSync(folder, { recursive: true })
  await database.drop()
})
afterAll(() => template.drop())

const wfstore = (line: string, options: CliOptions = {}) =>
  runCli([...line.split(' '), '--database-url', database.url], { cwd: folder, ...options })

/** What differs between runs: ids, the folder and when it was made, sizes, checksums. */
const written = (text: string): string =>
  steady(text)
    .replaceAll(folder, 'FOLDER')
    .replace(/\d{8}T\d{6}Z-[0-9a-f]{8}/g, 'ARCHIVE')
    .replace(/"[0-9a-f]{64}"/g, '"SHA-256"')
    .replace(/\d{4}-\d\d-\d\dT[\d:.]+Z(?=",?\n? *"(cutoff|files))/g, 'TIME')
    .replace(/("startedAt": ")[^"]+/g, '$1TIME')
    .replace(/("bytes": )[1-9]\d*/g, '$11000')
    .replace(/[\d.]+ k?B\b/g, 'SIZE')
    .replace(/in [\d.]+m?s;/g, 'in SPAN;')

const archive = () => wfstore(`cleanup --before ${BEFORE} --archive old --json`)

describe('cleanup --archive', () => {
  it('prints the path of the archive, in one line and in JSON', async () => {
    const { code, stdout, stderr } = await archive()
    expect([code, stderr]).toEqual([0, ''])
    expectGolden('cleanup/archive.json', written(stdout))
    const copy = await template.copy()
    const line = await cleanupOn(copy)(`--before ${BEFORE} --archive ${folder}/other`)
    expect(written(line.stdout)).toMatch(
      /; archived in FOLDER\/other\/ARCHIVE \(4 files, SIZE\)\n$/,
    )
    await copy.drop()
  })

  it('leaves no folder if nothing was removed', async () => {
    await archive()
    const before = readdirSync(join(folder, 'old'))
    expect(JSON.parse((await archive()).stdout)).toMatchObject({ archive: null })
    expect(readdirSync(join(folder, 'old'))).toEqual(before)
    const history = await wfstore('cleanup history --json')
    expect(JSON.parse(history.stdout)[0]).toMatchObject({ outcome: 'done', archive: null })
  })

  it('- writes the archive to stdout, and its summary to stderr without --quiet', async () => {
    const { code, stdout, stderr } = await wfstore(`cleanup --before ${BEFORE} --archive -`)
    expect(code).toBe(0)
    expect(written(stderr)).toMatch(/^removed 12 runs, .*; archived in stdout \(SIZE\)\n$/)
    for (const text of stdout.trimEnd().split('\n')) expect(JSON.parse(text)).toBeTypeOf('object')
    const again = await wfstore(`cleanup --before ${BEFORE} --archive - --quiet`)
    expect([again.code, again.stderr]).toEqual([0, ''])
    writeFileSync(join(folder, 'piped.jsonl'), stdout)
    expect((await wfstore('restore piped.jsonl')).code).toBe(0)
    expect(await rowsOf(database)).toEqual(ALL)
  })

  it('with --json and a pipe prints JSON on stderr', async () => {
    const { stderr } = await wfstore(`cleanup --before ${BEFORE} --archive - --json`)
    expect(JSON.parse(stderr)).toMatchObject({ outcome: 'done', archive: { place: '-' } })
  })

  it('- whose reader closes the pipe is a failure, and nothing is deleted', async () => {
    const { child, ended } = startProgram(
      ...`cleanup --before ${BEFORE} --archive - --database-url`.split(' '),
      database.url,
    )
    child.stdout?.destroy()
    const { code, stderr } = await ended
    expect([code, stderr]).toEqual([1, expect.stringMatching(/^error: cannot write the archive: /)])
    expect(await rowsOf(database)).toEqual(ALL)
  })

  it('that cannot be written is a failure, and nothing is deleted', async () => {
    writeFileSync(join(folder, 'file'), '')
    const { code, stdout, stderr } = await wfstore(`cleanup --before ${BEFORE} --archive file/in`)
    expect([code, stdout, stderr]).toEqual([2, '', expect.stringMatching(/^error: .*file.*\n$/)])
    expect(await rowsOf(database)).toEqual(ALL)
    expect((await wfstore('cleanup history')).stdout).toMatch(/\tfailed\t0\t0\t0\t0\t/)
  })
})

describe('restore', () => {
  it('restores the rows; a dry run prints them before and changes nothing', async () => {
    await archive()
    const dry = await wfstore('restore old --dry-run')
    expect([dry.code, dry.stderr, written(dry.stdout)]).toEqual([
      0,
      '',
      'would restore 12 runs, 24 steps, 41 audit entries and 4 metrics from 1 archive in SPAN; nothing was changed\n',
    ])
    expect(await rowsOf(database)).toEqual(CLEANED)
    const done = await wfstore('restore old')
    expect([done.code, done.stderr, written(done.stdout)]).toEqual([
      0,
      '',
      'restored 12 runs, 24 steps, 41 audit entries and 4 metrics from 1 archive in SPAN; totals are unchanged\n',
    ])
    expect(await rowsOf(database)).toEqual(ALL)
    expect((await wfstore('restore old')).stdout).toContain(
      'restored 0 runs, 0 steps, 0 audit entries and 0 metrics from 1 archive in ',
    )
  })

  it.each([
    ['restore.json', '--json'],
    ['restore.csv', '-o csv'],
  ])('%s', async (name, flags) => {
    await archive()
    const { code, stdout } = await wfstore(`restore old ${flags}`)
    expect(code).toBe(0)
    expectGolden(`cleanup/${name}`, written(stdout))
  })

  it('asks on a terminal with the counts, and changes nothing if the answer is no', async () => {
    await archive()
    const { code, stderr } = await wfstore('restore old --color never', { answer: 'n\n' })
    expect([code, stderr]).toEqual([
      1,
      '1 archive has 12 runs, 24 steps, 41 audit entries and 4 metrics. Rows that exist are skipped. Restore the others? [y/N] error: not confirmed; nothing was changed\n',
    ])
    expect(await rowsOf(database)).toEqual(CLEANED)
    expect((await wfstore('restore old --yes', { answer: 'n\n' })).code).toBe(0)
    expect(await rowsOf(database)).toEqual(ALL)
  })

  it('of two archives with the same rows says that they are restored once', async () => {
    await archive()
    await wfstore('restore old')
    await archive()
    const { code, stdout, stderr } = await wfstore('restore old', { answer: 'y\n' })
    expect([code, stderr]).toEqual([
      0,
      '2 archives have 24 runs, 48 steps, 82 audit entries and 8 metrics. Rows that exist are skipped, and rows in several archives are restored once. Restore the others? [y/N] ',
    ])
    expect(written(stdout)).toMatch(/^restored 12 runs, 24 steps, 41 audit entries and 4 metrics /)
    expect(await rowsOf(database)).toEqual(ALL)
  })

  it('of another database is refused without --copy', async () => {
    await archive()
    const other = await template.copy()
    await other.sql(
      'truncate workflow_executions, workflow_steps, audit_logs, observability_metrics',
    )
    const into = (line: string) =>
      runCli([...line.split(' '), '--database-url', other.url], { cwd: folder })
    const { code, stderr } = await into('restore old')
    expect(code).toBe(1)
    expect(stderr).toContain(
      'is of a cleanup of another database; nothing was restored; name only archives',
    )
    expect((await into('restore old --copy')).code).toBe(0)
    expect(await rowsOf(other)).toEqual({ runs: 12, steps: 24, entries: 41, metrics: 4 })
    await other.drop()
  })

  it('of a file that is not an archive exits with 2', async () => {
    for (const [line, says] of [
      ['restore nowhere', 'archive not found: '],
      ['restore .', 'has no archive'],
      ['archive verify nowhere', 'archive not found: '],
    ] as const) {
      const { code, stderr } = await wfstore(line, { answer: 'y\n' })
      expect([code, stderr]).toEqual([2, expect.stringContaining(says)])
    }
    expect((await runCli(['restore'])).stderr).toBe(
      "error: missing required argument 'path'; see `wfstore restore --help`\n",
    )
  })

  it('is refused while a cleanup runs', async () => {
    await archive()
    const other = await database.connect()
    await other.query(`select pg_advisory_lock(hashtextextended('wfstore cleanup public', 0))`)
    expect(await wfstore('restore old')).toMatchObject({ code: 5, stdout: '' })
    await other.end()
  })
})

describe('archive verify', () => {
  it('lists the content without a database', async () => {
    await archive()
    const verify = (flags: string[], options: CliOptions = {}) =>
      runCli(['archive', 'verify', 'old', ...flags], { cwd: folder, ...options })
    const { code, stdout, stderr } = await verify([])
    expect([code, stderr]).toEqual([0, ''])
    expect(written(stdout)).toMatch(
      /^archive\t.*\tproblems\nFOLDER\/old\/ARCHIVE\t2024-06-01T00:00:00.000000Z\ttrue\t12\t24\t41\t4\t4\t\d+\t0\n$/,
    )
    const wide = await verify(['--color', 'never'], { terminal: 160 })
    expect(wide.stdout).toMatch(/^ARCHIVE +CUTOFF +COMPLETE +RUNS +STEPS +ENTRIES +METRICS +FILES/)
    expectGolden('cleanup/verify.json', written((await verify(['--json'])).stdout))
  })

  it('names each fault and exits with 1; restore then restores nothing', async () => {
    await archive()
    const [name = ''] = readdirSync(join(folder, 'old'))
    const path = join(folder, 'old', name, 'audit-0001.jsonl.gz')
    const bytes = readFileSync(path)
    writeFileSync(path, bytes.subarray(0, bytes.length - 9))
    rmSync(join(folder, 'old', name, 'steps-0001.jsonl.gz'))
    const { code, stdout, stderr } = await wfstore('archive verify old')
    expect([code, stdout]).toEqual([1, expect.stringMatching(/\t2\n$/)])
    const lines = stderr.trimEnd().split('\n')
    expect(lines).toHaveLength(3)
    expect(lines.join('\n')).toMatch(/audit-0001\.jsonl\.gz .*/)
    expect(lines.join('\n')).toMatch(/steps-0001\.jsonl\.gz .*/)
    expect(lines[2]).toBe('error: 2 problems in 1 of 1 archive; replace these files from a backup')
    for (const answer of [undefined, 'y\n']) {
      const refused = await wfstore('restore old', answer === undefined ? {} : { answer })
      expect([refused.code, refused.stdout]).toEqual([1, ''])
      expect(refused.stderr).toContain('jsonl.gz')
    }
    expect(await rowsOf(database)).toEqual(CLEANED)
  })
})
