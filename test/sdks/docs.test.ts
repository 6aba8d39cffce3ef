// The applications of docs/OPENTELEMETRY.md, as the page shows them: their files in an empty folder, started by its commands.
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { runCli } from '../support/cli.ts'
import { createDatabase, type TestDatabase } from '../support/database.ts'
import { runApplication } from './child.ts'
import { openCommand } from './door.ts'
import { startModelServer } from './model-server.ts'
import { begin, type Section, sectionOf, sections } from './page.ts'
import { installTraceloop } from './traceloop.ts'
import { type Omission, sumsOf } from './truth.ts'

interface Application {
  title: string
  omission: Omission
  /** The node_modules with its packages. */
  packages: () => Promise<string> | string
  tags: 'slow'[]
}

const ours = () => join(import.meta.dirname, '../../node_modules')

const APPLICATIONS: Application[] = [
  { title: 'Vercel AI SDK', omission: {}, packages: ours, tags: [] },
  { title: 'OpenInference', omission: {}, packages: ours, tags: [] },
  {
    title: 'OpenLLMetry',
    omission: { notSent: ['cacheRead', 'reasoning'] },
    packages: installTraceloop,
    tags: ['slow'],
  },
]

const receive = begin.find((command) => command.includes('--listen')) ?? ''

let database: TestDatabase
let folder: string
let models: Awaited<ReturnType<typeof startModelServer>>

beforeEach(async () => {
  database = await createDatabase('docs')
  folder = mkdtempSync(join(tmpdir(), 'wfstore-app-'))
  models = await startModelServer()
})
afterEach(async () => {
  await models.stop()
  await database.drop()
  rmSync(folder, { recursive: true })
})

const wfstore = async (...words: string[]) => {
  const env = { DATABASE_URL: database.url }
  const { code, stdout, stderr } = await runCli(words, { env, localNow: new Date() })
  expect(stderr).toBe('')
  expect(code).toBe(0)
  return JSON.parse(stdout)
}

/** Runs the commands of the page up to the one that receives traces. */
async function prepare(): Promise<void> {
  for (const command of begin.slice(0, begin.indexOf(receive))) {
    const { code, stderr } = await runCli(command.split(' ').slice(1), {
      env: { DATABASE_URL: database.url },
    })
    expect(code, stderr).toBe(0)
  }
}

/** Writes the files of the section, and runs its command that starts with node. */
async function run({ files, commands }: Section, packages: string, otlp: string): Promise<string> {
  for (const [name, text] of files) writeFileSync(join(folder, name), text)
  symlinkSync(packages, join(folder, 'node_modules'))
  const line = commands.find((command) => command.startsWith('node ')) ?? ''
  return runApplication(line.split(' ').slice(1), { models: models.url, otlp }, { cwd: folder })
}

describe('an application of the page is in `wfstore cost --by model` with the tokens of the model server', () => {
  for (const { title, omission, packages, tags } of APPLICATIONS)
    it(title, { tags }, async () => {
      const installed = await packages()
      await prepare()
      const door = await openCommand(database, receive)
      expect(await run(sectionOf(title), installed, door.url)).toContain('It rains.')
      await door.settle()

      const sums = sumsOf(models.log, omission)
      expect(sums.length).toBeGreaterThan(0)
      const cost = await wfstore('cost', '--by', 'model', '--json')
      expect(cost).toMatchObject(
        sums.map(({ model }) => ({ modelId: model, tokens: totalOf(sums, model) })),
      )
      expect(await wfstore('executions', 'list', '--json')).toMatchObject([
        { workflowName: 'weather-report', userId: 'user-7', mode: 'weather', status: 'success' },
      ])
      expect(await wfstore('ingest', 'check', '--json')).toEqual([])
    })
})

const totalOf = (sums: ReturnType<typeof sumsOf>, of: string) =>
  sums
    .filter(({ model }) => model === of)
    .reduce(
      (sum, one) => sum + one.input + one.cacheRead + one.cacheWrite + one.output + one.reasoning,
      0,
    )

it('every application of the page has a test', () => {
  const shown = sections.filter(({ files }) =>
    [...files.keys()].some((name) => /\.mjs$/.test(name)),
  )
  expect(shown.map(({ title }) => title).sort()).toEqual(
    APPLICATIONS.map(({ title }) => title).sort(),
  )
})

it.each(APPLICATIONS)('$title: the page installs what its files import', ({ title }) => {
  const { files, commands } = sectionOf(title)
  const install = commands.find((command) => command.startsWith('npm install ')) ?? ''
  const installed = install.split(/\s+/).slice(2)
  const imported = [...files.values()].flatMap((text) =>
    [...text.matchAll(/from '([^.'][^']*)'/g)].map(([, name]) => name),
  )
  expect(imported.filter((name) => !installed.includes(name as string))).toEqual([])
  expect(imported.length).toBeGreaterThan(1)
})
