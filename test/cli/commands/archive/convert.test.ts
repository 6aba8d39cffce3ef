import { readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest'
import { type CliOptions, runCli } from '../../../support/cli.ts'
import type { TestDatabase } from '../../../support/database.ts'
import { dataFolder } from '../../../support/folder.ts'
import type { Template } from '../../../support/template.ts'
import { BEFORE, oldStore, rowsOf } from '../cleanup/support.ts'

let template: Template
let database: TestDatabase
let folder: string

beforeAll(async () => {
  template = await oldStore('cli_convert')
})
beforeEach(async () => {
  database = await template.copy()
  folder = dataFolder('convert')
})
afterEach(async () => {
  rmSync(folder, { recursive: true })
  await database.drop()
})
afterAll(() => template.drop())

const wfstore = (line: string, options: CliOptions = {}) =>
  runCli([...line.split(' ')], { cwd: folder, ...options })
const onStore = (line: string) => wfstore(`${line} --database-url ${database.url}`)
const CLEANUP = `cleanup --before ${BEFORE} --allow-all --archive archive`

const filesOf = (place: string) =>
  readdirSync(join(folder, place), { recursive: true, encoding: 'utf8' }).filter((name) =>
    name.includes('-0001.'),
  )

it('cleanup --format parquet says what it archived, and restore brings every row back', async () => {
  const before = await rowsOf(database)
  const { code, stdout } = await onStore(`${CLEANUP} --format parquet --json`)
  expect(code).toBe(0)
  const { archive } = JSON.parse(stdout)
  expect(archive.files.length).toBeGreaterThan(0)
  for (const { name, lines, linesSha256 } of archive.files)
    expect([name, lines > 0, linesSha256]).toEqual([
      expect.stringMatching(/\.parquet$/),
      true,
      expect.stringMatching(/^[0-9a-f]{64}$/),
    ])
  expect(filesOf('archive').every((name) => name.endsWith('.parquet'))).toBe(true)
  expect((await wfstore('archive verify archive')).code).toBe(0)
  expect((await onStore('restore archive --yes')).code).toBe(0)
  expect(await rowsOf(database)).toEqual(before)
})

it('archive convert converts there and back, or writes a copy, and can be repeated', async () => {
  await onStore(CLEANUP)
  const outcomes = async (flags: string) => {
    const { code, stdout, stderr } = await wfstore(
      `archive convert archive --columns outcome -o tsv --no-headers${flags}`,
    )
    return [code, stdout.trim(), stderr]
  }
  expect(await outcomes(' --out copies')).toEqual([0, 'converted', ''])
  expect(filesOf('archive').every((name) => name.endsWith('.jsonl.gz'))).toBe(true)
  expect(filesOf('copies').every((name) => name.endsWith('.parquet'))).toBe(true)
  expect(await outcomes(' --out copies')).toEqual([0, 'unchanged', ''])
  expect(await outcomes('')).toEqual([0, 'converted', ''])
  expect(await outcomes('')).toEqual([0, 'unchanged', ''])
  expect(filesOf('archive').every((name) => name.endsWith('.parquet'))).toBe(true)
  expect(await outcomes(' --to jsonl')).toEqual([0, 'converted', ''])
  expect(filesOf('archive').every((name) => name.endsWith('.jsonl.gz'))).toBe(true)
  for (const place of ['archive', 'copies'])
    expect((await wfstore(`archive verify ${place}`)).code).toBe(0)
})

it('wrong usage is named', async () => {
  const errorOf = async (line: string) => {
    const { code, stderr } = await wfstore(line)
    return [code, stderr]
  }
  expect(await errorOf('cleanup --days 90 --format parquet')).toEqual([
    2,
    'error: --format requires --archive with a folder; leave it out: a stream has JSON lines\n',
  ])
  expect(await errorOf('cleanup --days 90 --archive - --format parquet')).toEqual([
    2,
    expect.stringContaining('--format requires'),
  ])
  expect(await errorOf('cleanup --days 90 --archive a --format orc')).toEqual([
    2,
    expect.stringContaining('jsonl or parquet'),
  ])
  expect(await errorOf('archive convert nowhere')).toEqual([
    2,
    expect.stringContaining('archive not found'),
  ])
  expect(await errorOf('archive convert . --to orc')).toEqual([2, expect.stringContaining('orc')])
})
