// The configs of the Collector in docs/OPENTELEMETRY.md, and the file that its file exporter writes.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { runCli } from '../support/cli.ts'
import type { TestDatabase } from '../support/database.ts'
import { createMigrated } from '../support/migrated.ts'
import { runApplication } from './child.ts'
import { startModelServer } from './model-server.ts'
import { sectionOf } from './page.ts'
import { lineOfCollector, startRecorder } from './recorder.ts'
import { storedSums, sumsOf } from './truth.ts'

type Settings = { [name: string]: Settings | string | number | boolean | string[] | null }

/** The settings that each component has, of those that the page uses. From the config.schema.yaml of each component. */
const COMPONENTS: Record<string, RegExp> = {
  'receivers.otlp': /^protocols\.(grpc|http)\.endpoint$/,
  'exporters.otlp_http': /^(endpoint|retry_on_failure\.max_elapsed_time)$/,
  'exporters.file': /^(path|append|rotation\.max_megabytes)$/,
}

const leavesOf = (settings: Settings, prefix = ''): string[] =>
  Object.entries(settings).flatMap(([name, value]) =>
    typeof value === 'object' && value !== null && !Array.isArray(value)
      ? leavesOf(value, `${prefix}${name}.`)
      : [`${prefix}${name}`],
  )

const { files, commands } = sectionOf('The Collector')
const configs = [...files].map(([name, text]) => ({ name, config: parse(text) as Config }))

interface Config {
  receivers: Record<string, Settings>
  exporters: Record<string, Settings>
  service: { pipelines: { traces: { receivers: string[]; exporters: string[] } } }
}

describe.each(configs)('$name', ({ config }) => {
  it('has only settings that its components have', () => {
    for (const kind of ['receivers', 'exporters'] as const)
      for (const [id, settings] of Object.entries(config[kind])) {
        const known = COMPONENTS[`${kind}.${id.split('/')[0]}`]
        expect(
          leavesOf(settings).filter((path) => !known?.test(path)),
          id,
        ).toEqual([])
      }
  })

  it('uses each component that it defines, and defines each that it uses', () => {
    const { traces } = config.service.pipelines
    expect(traces.receivers).toEqual(Object.keys(config.receivers))
    expect(traces.exporters).toEqual(Object.keys(config.exporters))
  })

  it('sends each trace to wfstore and to another backend', () => {
    const exporters = config.service.pipelines.traces.exporters
    expect(exporters.map((id) => id.split('/')[1])).toEqual(['wfstore', 'other'])
  })
})

it('the Collector sends to the address at which the page starts wfstore', () => {
  const listen = commands
    .find((command) => command.includes('--listen'))
    ?.split(' ')
    .at(-1)
  const { exporters } = parse(files.get('collector.yaml') ?? '') as Config
  expect(exporters['otlp_http/wfstore']?.endpoint).toBe(`http://${listen}`)
})

describe('a file of the Collector', () => {
  let database: TestDatabase
  let folder: string
  let models: Awaited<ReturnType<typeof startModelServer>>
  let recorder: Awaited<ReturnType<typeof startRecorder>>
  beforeEach(async () => {
    database = await createMigrated('collector')
    folder = mkdtempSync(join(tmpdir(), 'wfstore-collector-'))
    models = await startModelServer()
    recorder = await startRecorder()
  })
  afterEach(async () => {
    await recorder.stop()
    await models.stop()
    await database.drop()
    rmSync(folder, { recursive: true })
  })

  it('is read by the command of the page, and a second time changes nothing', async () => {
    const agent = join(import.meta.dirname, 'agents/vercel-ai.mjs')
    const env = { ENCODING: 'json', PROCESSOR: 'batch', AI_USAGE: '1' }
    await runApplication([agent], { models: models.url, otlp: recorder.url }, { env })
    const { exporters } = parse(files.get('collector-file.yaml') ?? '') as Config
    const path = String(exporters['file/wfstore']?.path)
    expect(recorder.requests.length).toBeGreaterThan(3)
    writeFileSync(
      join(folder, path),
      recorder.requests.map((one) => `${lineOfCollector(one)}\n`).join(''),
    )

    const command = commands.find((line) => line.endsWith(path)) ?? ''
    const ingest = () =>
      runCli(command.split(' ').slice(1), {
        cwd: folder,
        env: { DATABASE_URL: database.url },
        localNow: new Date(),
      })
    expect((await ingest()).code).toBe(0)
    const first = await stored()
    expect(await storedSums(database)).toEqual(sumsOf(models.log))
    expect((await ingest()).code).toBe(0)
    expect(await stored()).toEqual(first)
  })

  const stored = () =>
    database.sql(`select e.status, e.total_cost, s.* from workflow_executions e
      join workflow_steps s using (execution_id) order by s.step_id`)
})
