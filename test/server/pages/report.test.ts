import { afterAll, beforeAll, expect, it } from 'vitest'
import { commandLine } from '../../../src/cli/commands/serve/command-line.ts'
import { createProgram } from '../../../src/cli/program.ts'
import { NOW, runCli } from '../../support/cli.ts'
import type { TestDatabase } from '../../support/database.ts'
import { createAdopted } from '../../support/migrated.ts'
import { linksIn, textIn } from './reading.ts'
import { openSite, type TestSite } from './support.ts'

let database: TestDatabase
let site: TestSite
const now = () => new Date(NOW)

beforeAll(async () => {
  database = await createAdopted('pages_report')
  site = openSite(database, { now, commandLine: commandLine({ createProgram, now }) })
})
afterAll(async () => {
  await site.close()
  await database.drop()
})

const QUERIES: [query: string, argv: string[]][] = [
  ['', []],
  ['?period=2026-11', ['--period', '2026-11']],
  [
    '?since=2026-10-01&until=2026-11-15&user=user_2&tz=Asia/Kathmandu&top=3',
    [
      '--since',
      '2026-10-01',
      '--until',
      '2026-11-15',
      '--user',
      'user_2',
      '--tz',
      'Asia/Kathmandu',
      '--top',
      '3',
    ],
  ],
]

it.each(QUERIES)(
  '/report.html%s has the bytes that wfstore report writes at the same moment',
  async (query, argv) => {
    const { code, stdout } = await runCli(['report', ...argv, '--database-url', database.url])
    expect(code).toBe(0)
    const saved = await site.get(`/report.html${query}`)
    expect(saved.status).toBe(200)
    expect(saved.headers.get('content-disposition')).toBe('attachment; filename="report.html"')
    expect((await saved.text()) === stdout).toBe(true)
    // The page has one line more, with links.
    const page = await site.get(`/report${query}`)
    const lines = (await page.text()).split('\n')
    const added = lines.findIndex((line) => line.includes('Save this report'))
    expect(linksIn(lines[added] as string)).toContain(`/report.html${query}`)
    expect(lines.filter((_, index) => index !== added).join('\n') === stdout).toBe(true)
  },
)

it('its policy allows only its own style and script', async () => {
  const answer = await site.get('/report')
  const header = answer.headers.get('content-security-policy')
  const inside = /http-equiv="Content-Security-Policy" content="([^"]*)"/.exec(
    await answer.text(),
  )?.[1]
  expect(header).toBe(`${inside?.replaceAll('&#39;', "'")}; frame-ancestors 'none'`)
  expect(header).not.toContain('unsafe')
  expect(answer.headers.get('cache-control')).toBe('no-store')
})

it.each([
  ['period=2026-13', 'period'],
  ['colour=red', 'colour'],
  ['since=2026-11-02&until=2026-11-01', 'is not before'],
  ['period=2026-10&since=2026-11-01', 'cannot be used together'],
])('%s is a page with status 400', async (query, text) => {
  for (const path of ['/report', '/report.html']) {
    const answer = await site.get(`${path}?${query}`)
    expect(answer.status).toBe(400)
    const body = await answer.text()
    expect(textIn(body)).toContain(text)
    expect(body).toContain('<main id="main"')
  }
})
