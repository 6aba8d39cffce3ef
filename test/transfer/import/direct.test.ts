import type pg from 'pg'
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest'
import { importLines } from '../../../src/transfer/import/import.ts'
import { timeProblem } from '../../../src/transfer/import/time.ts'
import { createRecording } from '../../record/recording.ts'
import { untilBlocked, withClient } from '../../support/migrate.ts'
import { EMPTY, exportOf, id, importInto, line, pieces, RUN, rowsIn } from './support.ts'

let recording: Awaited<ReturnType<typeof createRecording>>
let database: (typeof recording)['database']
beforeAll(async () => {
  recording = await createRecording('import_direct')
  ;({ database } = recording)
})
afterAll(() => recording.drop())
beforeEach(async () => {
  await database.sql(EMPTY)
})

const FILE = [line.execution(), line.step(), line.audit(), line.bill(), line.metric()]

/** An export has every column. */
async function exported(): Promise<string[]> {
  await importInto(database, FILE)
  const lines = (await exportOf(database)).trimEnd().split('\n')
  await database.sql(EMPTY)
  return lines.map((text) => `${text}\n`)
}

/** The staging tables that an import makes. */
async function stagesOf(lines: string[]): Promise<string[]> {
  return withClient(database, async (client) => {
    const texts: string[] = []
    const query = client.query.bind(client) as (...given: unknown[]) => unknown
    client.query = ((...given: unknown[]) => {
      if (typeof given[0] === 'string') texts.push(given[0])
      return query(...given)
    }) as pg.Client['query']
    await importLines(client, pieces(lines))
    return texts.flatMap((text) => /create temporary table (\w+)/.exec(text)?.[1] ?? [])
  })
}

it('in a store without runs all rows but the bills are written once', async () => {
  expect(await stagesOf(await exported())).toEqual(['wfstore_staged_bill'])
  expect(await rowsIn(database)).toMatchObject({ execution: 1, step: 1, audit: 1, bill: 1 })
})

it('in a store with runs nothing is written before the runs are locked', async () => {
  const lines = await exported()
  await importInto(database, [line.execution({ executionId: id(9) })])
  expect(await stagesOf(lines)).toHaveLength(5)
})

it('steps before their run, repeated rows and other rows with the same key have their own results', async () => {
  const lines = await exported()
  const found = (kind: string) => lines.find((text) => text.startsWith(`{"${kind}"`)) as string
  const [run, step, audit] = ['execution', 'step', 'audit'].map(found) as [string, string, string]
  const other = step.replace('"stepName":"s"', '"stepName":"other"')
  const lost = step.replace(id(1), id(7)).replaceAll(RUN, id(8))
  const report = await importInto(database, [step, run, audit, audit, step, other, lost], {
    skipInvalid: true,
  })
  expect(report).toMatchObject({
    read: 7,
    inserted: { execution: 1, step: 1, audit: 1 },
    repeated: 2,
    invalid: [
      { line: 6, reason: expect.stringContaining('with another stepName') },
      { line: 7, reason: expect.stringContaining('is neither in the file nor in the store') },
    ],
  })
  expect(await rowsIn(database)).toMatchObject({ execution: 1, step: 1, audit: 1 })
})

it('a row that a trigger of the application leaves out is an error, as in a store with runs', async () => {
  const lines = await exported()
  await database.sql(`create function leave_out() returns trigger language plpgsql as 'begin return null; end';
    create trigger leave_out before insert on audit_logs for each row execute function leave_out()`)
  try {
    await expect(importInto(database, lines)).rejects.toThrow(/audit .* was deleted from the store/)
  } finally {
    await database.sql('drop function leave_out() cascade')
  }
  expect(await rowsIn(database)).toMatchObject({ execution: 0, step: 0, audit: 0 })
})

it('two imports of the same rows into a store without runs take turns', async () => {
  const lines = await exported()
  await withClient(database, async (second) => {
    const { rows } = await second.query('select pg_backend_pid() as pid')
    let importing: Promise<unknown> = Promise.resolve()
    const first = await importInto(
      database,
      (async function* () {
        yield* lines
        // The first has its turn already, and has not ended.
        importing = importLines(second, pieces(lines.toReversed()))
        await untilBlocked(database, rows[0].pid)
      })(),
    )
    expect(first).toMatchObject({ inserted: { execution: 1, step: 1, audit: 1, bill: 1 } })
    expect(await importing).toMatchObject({
      inserted: { execution: 0, step: 0 },
      repeated: lines.length,
    })
  })
})

it.each([
  ['2026-02-30T00:00:00.000000Z', 'a time that does not exist'],
  ['2026-13-01T00:00:00.000000Z', 'a time that does not exist'],
  ['2026-01-01T24:00:00.000000Z', 'a time that does not exist'],
  ['2026-01-01T00:00:60.000000Z', 'a time that does not exist'],
  ['0000-01-01T00:00:00.000000Z', 'not a time of the years 1 to 9999'],
  ['2024-02-29T23:59:59.999999Z', undefined],
  ['0001-01-01T00:00:00.000000Z', undefined],
])('the time %s of an export is %s', (text, problem) => {
  expect(timeProblem(text)).toBe(problem)
})
