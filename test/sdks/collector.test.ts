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
  'exporters.file': /^(path|rotation\.max_megabytes)$/,
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

  it('is read by the commands of the page, and counts once', async () => {
    const agent = join(import.meta.dirname, 'agents/vercel-ai.mjs')
    const env = { ENCODING: 'json', PROCESSOR: 'batch', AI_USAGE: '1' }
    await runApplication([agent], { models: models.url, otlp: recorder.url }, { env })
    const { exporters } = parse(files.get('collector-file.yaml') ?? '') as Config
    const path = String(exporters['file/wfstore']?.path)
    const lines = recorder.requests.map(lineOfCollector)
    expect(lines.length).toBeGreaterThan(3)

    const [growing = '', complete = ''] = commands.filter((line) => line.includes(` ${path}`))
    const ingest = async (command: string, text: string) => {
      writeFileSync(join(folder, path), text)
      const options = { cwd: folder, env: { DATABASE_URL: database.url }, localNow: new Date() }
      const { code, stderr } = await runCli(command.split(' ').slice(1), options)
      expect(code, stderr).toBe(0)
    }
    // The Collector writes the end of a line by itself.
    await ingest(growing, lines.slice(0, 2).join('\n'))
    expect(await statuses()).toEqual(['running'])
    await ingest(growing, lines.join('\n'))
    expect(await statuses()).toEqual(['running'])
    expect(await storedSums(database)).toEqual(sumsOf(models.log))
    await ingest(complete, `${lines.join('\n')}\n`)
    expect(await statuses()).toEqual(['failed', 'success'])
    expect(await storedSums(database)).toEqual(sumsOf(models.log))
    const first = await stored()
    await ingest(complete, `\n${lines.join('\n')}\n`)
    expect(await stored()).toEqual(first)
  })

  const statuses = async () =>
    (await database.sql('select distinct status from workflow_executions order by 1')).map(
      ({ status }) => status,
    )
  const stored = () =>
    database.sql(`select e.status, e.total_cost, s.* from workflow_executions e
      join workflow_steps s using (execution_id) order by s.step_id`)
})
