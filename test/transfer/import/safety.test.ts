import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest'
import { startExecution } from '../../../src/record/recorder/recorder.ts'
import { importLines } from '../../../src/transfer/import/import.ts'
import { createRecording, OF } from '../../record/recording.ts'
import { bundle } from '../../support/bundle.ts'
import { untilBlocked, withClient } from '../../support/migrate.ts'
import { EMPTY, exportOf, id, importInto, line, pieces, RUN, rowsIn } from './support.ts'

let recording: Awaited<ReturnType<typeof createRecording>>
let database: (typeof recording)['database']
beforeAll(async () => {
  recording = await createRecording('import_safety')
  ;({ database } = recording)
})
afterAll(() => recording.drop())
beforeEach(async () => {
  await database.sql(EMPTY)
})

const NOTHING = { execution: 0, step: 0, audit: 0, bill: 0, metric: 0 }
/** More than one chunk of what is sent at a time. */
const MANY = Array.from({ length: 20_000 }, (_, n) => line.metric({ metricId: id(n) })).join('')

it('an import whose connection is lost imports nothing, and can be repeated', async () => {
  await withClient(database, async (client) => {
    const { rows } = await client.query('select pg_backend_pid() as pid')
    const source = async function* () {
      yield MANY
      await database.sql('select pg_terminate_backend($1::int, 60000)', [rows[0].pid])
      yield MANY
    }
    await expect(importLines(client, source(), { skipInvalid: true })).rejects.toMatchObject({
      code: 'unreachable',
    })
  })
  expect(await rowsIn(database)).toEqual(NOTHING)
  expect((await importInto(database, MANY)).inserted.metric).toBe(20_000)
})

it('an import that fails leaves its connection usable, without a staging table', async () => {
  await withClient(database, async (client) => {
    const source = async function* (last: string) {
      yield line.metric()
      yield last
    }
    for (const [last, rows] of [
      ['{}\n', 0],
      ['', 1],
    ] as const) {
      await importLines(client, source(last)).catch(() => {})
      expect(
        (await client.query(`select to_regclass('pg_temp.wfstore_staged_metric') as stage`)).rows,
      ).toEqual([{ stage: null }])
      expect((await rowsIn(database)).metric).toBe(rows)
    }
  })
})

it.each([
  ['the same', 'w', { repeated: 1, invalidCount: 0 }],
  ['another', 'v', { repeated: 0, invalidCount: 1 }],
])(
  'an import waits for a run that an engine writes with %s content, and the run exists once',
  async (_, name, expected) => {
    await withClient(database, async (engine) => {
      await engine.query('begin')
      await engine.query(
        `insert into workflow_executions (execution_id, workflow_name, user_id, mode, model_id, start_time)
       values ($1, $2, 'u', 'Sales', 'm', '2026-01-01T00:00Z')`,
        [RUN, name],
      )
      await withClient(database, async (client) => {
        const { rows } = await client.query('select pg_backend_pid() as pid')
        const importing = importLines(client, pieces([line.execution(), line.step()]), {
          skipInvalid: true,
        })
        await untilBlocked(database, rows[0].pid)
        await engine.query('commit')
        expect(await importing).toMatchObject({ ...expected, inserted: { step: 1 } })
      })
    })
    expect(await rowsIn(database)).toMatchObject({ execution: 1, step: 1 })
  },
)

it('engines that finish runs of an import do not fail, and do not stop the import', async () => {
  const runs = await Promise.all(
    Array.from({ length: 60 }, () => startExecution(recording.run, OF)),
  )
  const open = await exportOf(database)
  const added = runs.flatMap(({ executionId }, n) => [
    line.step({ executionId, stepId: id(n) }),
    line.audit({ executionId, logId: id(n) }),
    line.bill({ executionId, billingId: id(n) }),
  ])
  const [report] = await Promise.all([
    importInto(database, added.toReversed()),
    importInto(database, added),
    ...runs.map((run) => run.finish({ status: 'success' })),
  ])
  expect(report.invalidCount).toBe(0)
  expect(await rowsIn(database)).toMatchObject({ execution: 60, step: 60, audit: 180, bill: 120 })
  expect(open.split('\n')).toHaveLength(121)
})

it('an import waits for an engine that has locked a run before it writes anything', async () => {
  const run = await startExecution(recording.run, OF)
  await withClient(database, async (engine) => {
    await engine.query('begin')
    await engine.query(
      'select from workflow_executions where execution_id = $1 for no key update',
      [run.executionId],
    )
    await withClient(database, async (client) => {
      const { rows } = await client.query('select pg_backend_pid() as pid')
      const lines = [
        line.bill({ executionId: run.executionId }),
        line.execution({ executionId: id(5) }),
      ]
      const importing = importLines(client, pieces(lines))
      await untilBlocked(database, rows[0].pid)
      // It has written nothing that the engine would have to wait for.
      await engine.query(
        `insert into workflow_executions (execution_id, workflow_name, user_id, mode, model_id, start_time)
         values ($1, 'w', 'u', 'Sales', 'm', '2026-01-01T00:00Z')`,
        [id(5)],
      )
      await engine.query('commit')
      expect(await importing).toMatchObject({ inserted: { bill: 1, execution: 0 }, repeated: 1 })
    })
  })
})

it('an import of 300,000 lines needs no more memory than one of a few lines', {
  tags: 'slow',
}, async () => {
  const folder = mkdtempSync(join(tmpdir(), 'wfstore-import-'))
  try {
    const outfile = join(folder, 'child.mjs')
    writeFileSync(outfile, await bundle(CHILD, import.meta.dirname))
    // Beyond 64 MB of objects Node ends the process.
    const child = spawn(process.execPath, ['--max-old-space-size=64', outfile, database.url])
    const [stdout, stderr] = await Promise.all([
      text(child.stdout),
      text(child.stderr),
      once(child, 'close'),
    ])
    expect([stdout, stderr]).toEqual([
      '300000 of 300001, 300000 exported, buffers below 256 MB: true',
      '',
    ])
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
})

const CHILD = `
import pg from 'pg'
import { exportLines } from '../../../src/transfer/export/export.ts'
import { lineCounter } from '../../../src/transfer/lines/count.ts'
import { importLines } from '../../../src/transfer/import/import.ts'
let most = 0
const watch = () => { most = Math.max(most, process.memoryUsage().arrayBuffers) }
async function* lines() {
  // A line that is too long is not kept, however long it is.
  for (let n = 0; n < 400; n++) {
    watch()
    yield Buffer.alloc(1024 * 1024, 'x')
  }
  yield '\\n'
  for (let n = 0; n < 3000; n++) {
    let text = ''
    for (let i = 0; i < 100; i++) {
      const metricId = '00000000-0000-4000-8000-' + String(n * 100 + i).padStart(12, '0')
      text += JSON.stringify({ metric: { metricId, userId: 'u', metricType: 't', metricValue: 1, dimensions: { text: 'x'.repeat(200) } } }) + '\\n'
    }
    watch()
    yield text
  }
}
const client = new pg.Client({ connectionString: process.argv[2] })
await client.connect()
const { read, inserted } = await importLines(client, lines(), { skipInvalid: true })
const { counts, add } = lineCounter()
for await (const chunk of exportLines(client)) { add(chunk); watch() }
await client.end()
process.stdout.write(\`\${inserted.metric} of \${read}, \${counts.metric} exported, buffers below 256 MB: \${most < 256 * 1024 * 1024}\`)
`
