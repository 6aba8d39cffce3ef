import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { ENDPOINTS } from '../../../src/server/api/endpoints.ts'
import { runCli } from '../../support/cli.ts'
import type { TestDatabase } from '../../support/database.ts'
import { createDemo, idsOf, QUERY, type Tried, tried } from './support.ts'

let database: TestDatabase
let api: Tried
let ids: Record<string, string>

beforeAll(async () => {
  database = await createDemo('api_read')
  api = tried(database)
  ids = await idsOf(database)
})
afterAll(async () => {
  await api.close()
  await database.drop()
})

const cli = (...words: string[]) => runCli([...words, '--database-url', database.url])

const flagsOf = (query: string) =>
  [...new URLSearchParams(query)].map(([name, value]) => `--${name}=${value}`)

describe.each(ENDPOINTS.filter(({ kind }) => kind === 'read'))('$path', (endpoint) => {
  const { path, command, fixed = [], formats } = endpoint
  const query = QUERY[path] ?? ''
  const url = () => `/api/v1${path.replace(':id', ids[path] ?? '')}?${query}`
  const words = () => [...command, ...fixed, ...flagsOf(query), ...(ids[path] ? [ids[path]] : [])]

  it.each([
    ['json', 'application/json'],
    ['jsonl', 'application/x-ndjson'],
    ['csv', 'text/csv'],
    ['tsv', 'text/tab-separated-values'],
  ])('answers what the command prints as %s', async (format, accept) => {
    const response = await api.get(url(), { accept })
    if (formats && !formats.includes(format as 'json')) return expect(response.status).toBe(406)
    const { stdout } = await cli(...words(), '-o', format)
    expect(await response.text()).toBe(stdout)
    expect(response.status).toBe(200)
    expect(response.headers.get('content-type')?.split(';')[0]).toBe(accept)
    expect(stdout.trim()).not.toMatch(/^(\[\])?$/)
  })
})

describe('an error has a status, and the names of parameters', () => {
  it.each([
    ['/executions?statuss=failed', 'unknown parameter "statuss"; did you mean status?'],
    ['/executions?from=today', 'unknown parameter "from"; did you mean since?'],
    [
      '/settings?database-url=postgres://other',
      'unknown parameter "database-url"; use columns, tz',
    ],
    [
      '/executions?status=done',
      "the value of status is invalid: 'done'. It must be one or more of running, success, failed, partial, cancelled",
    ],
    [
      '/executions?limit=0',
      "the value of limit is invalid: '0'. It must be a whole number of at least 1, or all",
    ],
    [
      '/executions?limit=1&limit=2',
      "the value of limit is invalid: '2'. The parameter can be given only once",
    ],
    [
      '/executions?with-children=perhaps',
      'the value of with-children is invalid: "perhaps"; use true or false',
    ],
    [
      '/executions?sort=totalCost&page',
      'sort and page cannot be used together; a sorted list has no cursor; use limit all for all rows',
    ],
    ['/executions?user=', "the value of user is invalid: ''. It must not be empty"],
    ['/executions?user=%00', 'the value of user has a zero character'],
    [
      '/executions?since=gestern',
      'since "gestern" is not a valid time; use a duration before now (90s, 30m, 24h, 7d, 2w), today, yesterday, a date (2024-12-01) or RFC 3339 (2024-12-01T08:00:00Z)',
    ],
    [
      '/executions?tz=Mars',
      'tz "Mars" is not a valid time zone; use an IANA name such as Europe/Berlin or UTC',
    ],
    ['/settings?columns=nope', 'unknown column "nope"; available columns: name, value, setWith'],
    [
      '/executions?output=yaml',
      'the value of output is invalid: "yaml"; use one of json, jsonl, csv, tsv',
    ],
    ['/executions/--help', '"--help" is not an id; use a UUID, or at least its first 8 characters'],
    [
      '/executions/list',
      '"list" is not an execution id; use a UUID, or at least its first 8 characters',
    ],
    ['/cost', 'by is required'],
  ])('400 for %s', async (path, line) => {
    expect(await refused(path)).toEqual({ status: 400, code: 'usage', line })
  })

  it.each([
    [
      '/executions/00000000-0000-0000-0000-000000000000',
      'execution 00000000-0000-0000-0000-000000000000 does not exist; it may have been deleted, or removed by a cleanup',
    ],
    ['/execution', 'there is no "/api/v1/execution"; did you mean /api/v1/executions?'],
    ['/nothing/here', 'there is no "/api/v1/nothing/here"; see /openapi.json'],
  ])('404 for %s', async (path, line) => {
    expect(await refused(path)).toEqual({ status: 404, code: 'not_found', line })
  })
})

async function refused(path: string) {
  const response = await api.get(`/api/v1${path}`)
  const { error } = (await response.json()) as { error: Record<string, string> }
  expect(api.errors).toEqual([])
  const { code, message, hint } = error
  return {
    status: response.status,
    code,
    line: hint === undefined ? message : `${message}; ${hint}`,
  }
}
