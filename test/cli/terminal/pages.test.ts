import { Writable } from 'node:stream'
import type pg from 'pg'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { createWriter } from '../../../src/cli/output/writer.ts'
import { printPages } from '../../../src/cli/terminal/pages.ts'
import { query, type Run } from '../../../src/db/query/query.ts'
import { bound } from '../../../src/db/query/sql.ts'
import { METRICS } from '../../../src/queries/metrics/metrics.ts'
import type { TestDatabase } from '../../support/database.ts'
import { createMigrated } from '../../support/migrated.ts'

const ROWS = 5500
const TEXT = 'x'.repeat(100)
let database: TestDatabase
let client: pg.Client

beforeAll(async () => {
  database = await createMigrated('pages')
  client = await database.connect()
  await client.query(
    `insert into observability_metrics (user_id, metric_type, metric_value, timestamp)
     select $1, 'cost', n, timestamptz '2026-11-20Z' - n * interval '1 s' from generate_series(0, ${ROWS - 1}) as n`,
    [TEXT],
  )
})
afterAll(async () => {
  await client.end()
  await database.drop()
})

/** A list of metrics whose rows have the values 0, 1, 2 and so on, and the statements that read it. */
function listed() {
  const fetched: number[] = []
  const run: Run = async (statement, shape) => {
    const { text } = bound(statement)
    if (text.startsWith('fetch')) fetched.push(Number(text.split(' ')[1]))
    return query(client, statement, shape)
  }
  return { fetched, listed: { run, list: METRICS, filter: {}, columns, empty: '' } }
}

/** What is written, by a writer whose stdout takes nothing until `take` is called. */
function slowOutput(format: 'jsonl' | 'csv') {
  const waiting: (() => void)[] = []
  let taken = ''
  let notes = ''
  const stdout = new Writable({
    highWaterMark: 1,
    decodeStrings: false,
    write: (chunk, _, done) => {
      waiting.push(() => {
        taken += chunk
        done()
      })
    },
  })
  const stderr = new Writable({
    write: (chunk, _, done) => {
      notes += chunk
      done()
    },
  })
  const writer = createWriter({
    stdout,
    stderr,
    format,
    isTTY: false,
    width: 80,
    color: false,
    timeZone: 'UTC',
    now: () => new Date(0),
  })
  return { writer, waiting, taken: () => taken, notes: () => notes }
}

const columns = [
  { name: 'metricValue', kind: 'count' as const },
  { name: 'userId', kind: 'text' as const },
]
const all = {
  limit: Number.POSITIVE_INFINITY,
  cursor: undefined,
  sort: undefined,
  cursorIn: undefined,
}
const settled = () => new Promise((resolve) => setImmediate(resolve))

it.each(['jsonl', 'csv'] as const)(
  'all rows as %s: rows are read when those before are written',
  async (format) => {
    for (const sort of [undefined, ['metricValue']]) {
      const { fetched, listed: rows } = listed()
      const { writer, waiting, taken } = slowOutput(format)
      let ended = false
      const printing = printPages(writer, rows, { ...all, sort }).then(() => {
        ended = true
      })
      const written = () =>
        taken()
          .split('\n')
          .filter((line) => line.includes(TEXT)).length
      while (!ended) {
        await settled()
        // What is read and not yet written is a page, and what the writer has gathered of the one before.
        expect(fetched.length * 500 - written()).toBeLessThanOrEqual(1000)
        waiting.shift()?.()
      }
      await printing
      expect([fetched, written()]).toEqual([Array(12).fill(500), ROWS])
    }
  },
)

it('a limit applies across pages, and the next cursor is that of the last row', async () => {
  const print = async (limit: number, cursor?: string) => {
    const { listed: rows } = listed()
    const { writer, waiting, taken, notes } = slowOutput('jsonl')
    let ended = false
    printPages(writer, rows, { ...all, limit, cursor, cursorIn: 'note' }).then(() => {
      ended = true
    })
    while (!ended) {
      await settled()
      waiting.shift()?.()
    }
    const values = taken()
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line).metricValue)
    return { values, notes: notes() }
  }
  const first = await print(10)
  expect(first.values).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9])
  const [, cursor] = /^showing 10 of 5,500; continue with --cursor (.*)\n$/.exec(first.notes) ?? []
  const { values, notes } = await print(2300, cursor)
  expect([values[0], values.at(-1), values.length]).toEqual([10, 2309, 2300])
  expect(notes).toMatch(/^showing the next 2,300 of 5,500; continue with --cursor /)
  const [, last] = /--cursor (.*)\n$/.exec(notes) ?? []
  expect(await print(3190, last)).toMatchObject({ notes: '' })
})

it('all rows are those of one moment, although others are added, changed and removed meanwhile', async () => {
  const { listed: rows } = listed()
  const { writer, waiting, taken } = slowOutput('jsonl')
  const other = await database.connect()
  let ended = false
  const printing = printPages(writer, rows, all).then(() => {
    ended = true
  })
  while (waiting.length === 0) await settled()
  await other.query('begin')
  await other.query('delete from observability_metrics where metric_value % 2 = 0')
  await other.query(`update observability_metrics set metric_value = metric_value + 100000`)
  await other.query(`insert into observability_metrics (user_id, metric_type, metric_value, timestamp)
    values ('late', 'cost', 1, timestamptz '2026-11-19 23:00Z')`)
  await other.query('commit')
  while (!ended) {
    await settled()
    waiting.shift()?.()
  }
  await printing
  const values = taken()
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line).metricValue)
  expect(values).toEqual(Array.from({ length: ROWS }, (_, n) => n))
  expect((await client.query('show transaction_isolation')).rows).toHaveLength(1)
  await other.end()
})
