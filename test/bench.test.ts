// @module-tag slow
import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect, inject, it } from 'vitest'

const bench = join(import.meta.dirname, '../bench/main.js')

interface Row {
  name: string
  unit: string
  ours: number
  what: string
  theirs: number
  ratio: number
  goal: number
  pairs: number
  met: boolean
}

interface Report {
  about: Record<string, unknown>
  parts: { part: string; rows: Row[] }[]
}

it('the benchmarks run and print one ratio for each measurement', async () => {
  const words = ['--runs', '60', '--rounds', '1', '--json', '--database-url', inject('serverUrl')]
  const { stdout } = await promisify(execFile)(process.execPath, [
    bench,
    ...['startup', 'read', 'write', 'ingest', 'serve'],
    ...words,
  ])
  const { about, parts } = JSON.parse(stdout) as Report
  expect(about).toMatchObject({ runs: 60, rounds: 1, node: process.version })
  expect(Object.keys(about)).toEqual(expect.arrayContaining(['cpu', 'cores', 'server', 'settings']))
  expect(parts.map(({ part }) => part)).toEqual(['startup', 'read', 'write', 'ingest', 'serve'])
  for (const { rows } of parts) {
    for (const row of rows) {
      expect(row).toEqual({
        name: expect.any(String),
        unit: expect.stringMatching(/^(ms|MB|rows\/s|spans\/s|requests\/s)$/),
        ours: expect.any(Number),
        what: expect.any(String),
        theirs: expect.any(Number),
        ratio: expect.any(Number),
        goal: expect.any(Number),
        pairs: 1,
        met: expect.any(Boolean),
      })
    }
  }
  const names = parts.flatMap(({ rows }) => rows.map(({ name }) => name))
  expect([...new Set(names)]).toEqual([
    '--version',
    '--help',
    'executions list --help',
    'executions list --limit 20',
    'migrate up, nothing to do',
    'executions list, the newest 50',
    'executions list --user',
    'executions list, the oldest 10 %',
    'executions show',
    'audit, the newest 50',
    'audit --user, the oldest 10 %',
    'billing --period',
    'cost --by mode',
    'cost --by month',
    'stats',
    'batch.audit',
    'batch.step',
    'step.finish, 1 connection',
    'step.finish, 20 connections',
    'step.finish priced, 1 connection',
    'step.finish priced, 20 connections',
    'runs of 4 calls, 1 connection',
    'runs of 4 calls, 20 connections',
    'import of an export',
    'restore',
    'export',
    'ingest, protobuf',
    'ingest, json',
    'ingest, one trace of 600 spans',
    'GET a list of 50, 8 at once',
    'GET one execution, 8 at once',
    '99 % of lists of 50, 50 clients',
    'page /',
    'page /executions',
    'page /executions/<id>',
    'page /errors',
    'page /cost',
    'page /bills',
    'memory of 200 streams, 4 s',
  ])
})
