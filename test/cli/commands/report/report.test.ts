import { createHash } from 'node:crypto'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { version } from '../../../../src/cli/version.ts'
import { pageData } from '../../../../src/server/report/data.ts'
import { pageOf } from '../../../../src/server/report/page.ts'
import { foldRuns } from '../../../queries/usage/support.ts'
import { runCli } from '../../../support/cli.ts'
import type { TestDatabase } from '../../../support/database.ts'
import { expectGolden } from '../../../support/golden.ts'
import { createAdopted, createMigrated } from '../../../support/migrated.ts'
import { fillReport, HOSTILE } from './support.ts'

let legacy: TestDatabase
let large: TestDatabase
let folder: string
const on = (database: TestDatabase, argv: string[], options = {}) =>
  runCli([...argv, '--database-url', database.url], options)
/** The database has another name in every run, and wfstore another version one day. */
const named = (database: TestDatabase, text: string) =>
  text
    .replaceAll(database.name, 'DATABASE')
    .replace(`"version": "${version}"`, '"version": "VERSION"')
    .replace(`wfstore ${version}`, 'wfstore VERSION')

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'wfstore-report-'))
  legacy = await createAdopted('cli_report')
  await foldRuns(legacy, `status <> 'running' and start_time < '2026-11-10Z'`)
  large = await createMigrated('cli_report_large')
  await fillReport(large)
})
afterAll(async () => {
  await legacy.drop()
  await large.drop()
  rmSync(folder, { recursive: true })
})

/** What a reader of the page reads, a line for each row or paragraph. */
const readAs = (page: string) =>
  page
    .replace(/<(style|script|title|svg)\b.*?<\/\1>/gs, '')
    .replace(/\s*\n\s*/g, ' ')
    .replace(/<\/(tr|p|h1|h2|h3|li|dd|div|summary|caption)>/g, '\n')
    .replace(/<\/t[hd]>/g, '\t')
    .replace(/<[^>]+>/g, '')
    .replace(/^ +|[ \t]+$/gm, '')
    .replace(/\n+/g, '\n')

describe('the report of the adopted database', () => {
  it.each([
    ['data.json', ['--json', '--since', '2026-10-15']],
    [
      'user.json',
      ['--json', '--user', 'user_2', '--tz', 'Asia/Kathmandu', '--until', '2026-11-20'],
    ],
  ])('%s', async (file, argv) => {
    const { code, stdout, stderr } = await on(legacy, ['report', ...argv])
    expect([code, stderr]).toEqual([0, ''])
    expectGolden(`report/${file}`, named(legacy, stdout))
  })
  it('page.txt: the words and figures of the page', async () => {
    const { code, stdout } = await on(legacy, ['report', '--since', '2026-10-15'])
    expect(code).toBe(0)
    expectGolden('report/page.txt', named(legacy, readAs(stdout)))
  })
})

describe('every amount has the digits of the other reports', () => {
  const since = ['--since', '2025-10-22', '--tz', 'America/New_York']
  const tsv = async (argv: string[]) =>
    (await on(large, [...argv, '--no-headers'])).stdout
      .trimEnd()
      .split('\n')
      .map((line) => line.split('\t'))
  const members = async (argv: string[]) => {
    const { stdout } = await on(large, ['report', '--json', ...argv])
    const block = (name: string) =>
      new RegExp(`^ {2}"${name}": ([[{].*?^ {2}[\\]}])`, 'ms').exec(stdout)?.[1] ?? ''
    const values = (text: string, field: string) =>
      [...text.matchAll(new RegExp(`"${field}": (.*?),?$`, 'gm'))].map(([, value]) => value)
    return { block, values }
  }
  it.each([
    ['models', 'model', 6],
    ['users', 'user', 100],
    ['workflows', 'workflow', 10],
    ['modes', 'mode', 10],
  ])('%s match cost --by %s, including the rest', async (name, by, top) => {
    const { block, values } = await members(since)
    const columns = ['--columns', 'cost', '--total', '--top', String(top)]
    const rows = await tsv(['cost', '--by', by, ...columns, ...since])
    const costs = rows.map(([cost]) => cost)
    expect([...values(block(name), 'cost'), ...values(block('totals'), 'totalCost')]).toEqual(costs)
  })
  it('the bills of each month match billing', async () => {
    const { months } = JSON.parse((await on(large, ['report', '--json', ...since])).stdout)
    const { block, values } = await members(since)
    const fields = ['billed', 'paid', 'unpaid'].map((field) => values(block('months'), field))
    for (const [index, { month }] of months.entries()) {
      const columns = ['--columns', 'cost,paidCost,unpaidCost']
      const [bill] = await tsv(['billing', '--period', month, '--by', 'total', ...columns])
      expect(fields.map((field) => field[index])).toEqual(bill)
    }
    expect(months).toHaveLength(14)
  })
  it('the page rounds an amount, and has all its digits in a title and in the CSV', async () => {
    const columns = ['--columns', 'cost', '--total', '--top', '1']
    const [row] = await tsv(['cost-by-mode', ...columns, ...since])
    expect(row?.[0]).toBe('123456.789012345678')
    const { stdout } = await on(large, ['report', ...since])
    expect(readAs(stdout)).toContain('123,456.79\t')
    expect(stdout).toContain('<td class="number" title="123456.789012345678">123,456.79</td>')
    expect(stdout).toMatch(/download="modes.csv" href="[^"]*,123456.789012345678,/)
    const all = (await tsv(['cost-by-mode', ...columns.slice(0, 3), ...since])).at(-1)?.[0] ?? ''
    const [whole = '', rest = ''] = all.split('.')
    expect(stdout).toContain(`title="$${whole}.${rest.replace(/0+$/, '')}"`)
  })
})

describe('a page that may be forwarded', () => {
  let page: string
  beforeAll(async () => {
    page = (await on(large, ['report'])).stdout
  })
  it('shows hostile names as text, and cuts long ones', () => {
    const text = readAs(page)
    const shown = (name: string) => name.replace(/[<>&'"]/g, (char) => entities[char] as string)
    expect(text).toContain(shown(HOSTILE.user))
    expect(text).toContain(shown(HOSTILE.model.replace('\u202e', '\\u202e')))
    expect(text).toContain(shown('\\x07<b>&'))
    expect(text).toMatch(/long lo.{0,5}…/)
    // The CSV has it in full.
    expect(page.replace(/href="[^"]*"/g, '')).not.toContain('long '.repeat(30))
    expect(page).not.toMatch(/(?!\n)[\p{Cc}\u202a-\u202e]/u)
  })
  it('has no handler, only its own style and script, and loads nothing', () => {
    const [, script] = /<script>(.*)<\/script>/s.exec(page) ?? []
    const tags = [...page.replace(script as string, '').matchAll(/<[a-z][^>]*>/g)].map(
      ([tag]) => tag,
    )
    expect(
      tags.filter((tag) => /^<(img|link|iframe|object|embed|use|image|base|form)\b/.test(tag)),
    ).toEqual([])
    const attributes = tags.flatMap((tag) =>
      [...tag.matchAll(/ ([\w-]+)="([^"]*)"/g)].map(([, name, value]) => [name, value]),
    )
    expect(
      attributes.filter(([name]) => /^(on|src|style|xlink|action)/.test(name as string)),
    ).toEqual([])
    const links = attributes.flatMap(([name, value]) => (name === 'href' ? value : []))
    expect(links.filter((link) => !/^(#|data:text\/csv;)/.test(link as string))).toEqual([])
    for (const own of ['style', 'script'])
      expect(page.match(new RegExp(`<${own}\\b`, 'g'))).toEqual([`<${own}`])
    expect(page).not.toMatch(/url\(|@import/)
  })
  it('has a policy that allows only that style and script', () => {
    const hashOf = (tag: string) => {
      const [, text] = new RegExp(`<${tag}>(.*)</${tag}>`, 's').exec(page) ?? []
      return createHash('sha256')
        .update(text as string)
        .digest('base64')
    }
    const policy = `default-src 'none'; style-src 'sha256-${hashOf('style')}'; script-src 'sha256-${hashOf('script')}'; base-uri 'none'; form-action 'none'`
    expect(page).toContain(
      `<meta http-equiv="Content-Security-Policy" content="${policy.replaceAll("'", '&#39;')}">`,
    )
  })
  it('names the database, but not its host or the user', () => {
    const { hostname, port, username } = new URL(large.url)
    expect(page).toContain(large.name)
    expect(page).not.toContain(`${hostname}:${port}`)
    expect(page).not.toContain(`${username}@`)
  })
})
const entities: Record<string, string> = {
  ...{ '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' },
}

it('is one snapshot: rows that are committed while it reads are not in it', async () => {
  const other = await large.connect()
  const fresh = await large.connect()
  const before = await on(large, ['report', '--json'])
  // Asked after the first questions about runs, and before the last.
  await other.query('begin')
  await other.query('lock table billing_records')
  const report = on(large, ['report', '--json'])
  for (let waiting = 0; waiting === 0; ) {
    const { rows } = await fresh.query(
      `select count(*)::int as n from pg_stat_activity where application_name = 'wfstore report' and wait_event_type = 'Lock'`,
    )
    waiting = rows[0].n
  }
  await fresh.query('begin')
  await fresh.query(
    `insert into workflow_executions (workflow_name, user_id, mode, model_id, start_time, total_cost)
     values ('w', 'u', 'm', 'x', '2026-11-25Z', 5)`,
  )
  await fresh.query('commit')
  await other.query('commit')
  expect((await report).stdout).toBe(before.stdout)
  await fresh.query(`delete from workflow_executions where workflow_name = 'w'`)
  await Promise.all([other.end(), fresh.end()])
})

it('a page from a standby says up to when it has the transactions of its primary server', async () => {
  const client = await large.connect()
  const data = await pageData(client, async () => ({
    ...{ since: '2026-11-01T00:00:00.000Z', until: '2026-11-27T00:00:00.000Z', timeZone: 'UTC' },
    ...{ rounded: [], filter: {}, now: new Date('2026-11-26T12:00:00Z'), top: undefined },
  }))
  await client.end()
  expect(pageOf(data, version)).not.toContain('standby')
  const replayedAt = '2026-11-26T11:58:03.000000Z'
  expect(readAs(pageOf({ ...data, standby: { replayedAt } }, version))).toContain(
    'Read from a standby server, which may lack the newest runs and bills. Its last transaction is of 2026-11-26 11:58:03.\n',
  )
})

it('of an empty store each part is marked as empty', async () => {
  const empty = await createMigrated('cli_report_empty')
  const { code, stdout } = await on(empty, ['report'])
  expect(code).toBe(0)
  expectGolden('report/empty.txt', named(empty, readAs(stdout)))
  const targets = [...stdout.matchAll(/href="#([^"]*)"/g)].map(([, id]) => id)
  expect(targets.filter((id) => !stdout.includes(` id="${id}"`))).toEqual([])
  await empty.drop()
})

describe('--out', () => {
  const write = (out: string) => on(large, ['report', '--out', out], { cwd: folder })
  it('replaces the whole file and prints its name', async () => {
    const path = join(folder, 'a.html')
    writeFileSync(path, 'old')
    expect(await write('a.html')).toEqual({
      code: 0,
      stdout: '',
      stderr: 'report written to a.html; open it in a browser\n',
    })
    expect(readFileSync(path, 'utf8')).toBe((await on(large, ['report'])).stdout)
    expect(readdirSync(folder)).toEqual(['a.html'])
  })
  it('prints one line if it cannot write, and leaves no file', async () => {
    const { code, stdout, stderr } = await write('none/a.html')
    expect([code, stdout]).toEqual([1, ''])
    expect(stderr).toMatch(/^error: cannot write .*none\/a\.html: ENOENT.*\n$/)
    expect(readdirSync(folder)).toEqual(['a.html'])
  })
})

it.each<[string, string[], object, string]>([
  [
    'a terminal',
    [],
    { terminal: 80 },
    'report does not print HTML to a terminal; use --out report.html',
  ],
  [
    '--output csv',
    ['-o', 'csv'],
    {},
    'report does not support --output csv: it writes an HTML page; use --output json',
  ],
  ['--json to a file', ['--json', '--out', 'x'], {}, '--out and --json cannot be used together'],
  ['--columns of a page', ['--columns', 'cost'], {}, '--columns requires --json'],
  ['an unknown column', ['--json', '--columns', 'price'], {}, 'unknown column'],
  ['a tool', ['--tool', 'x'], {}, '--tool is not supported by reports'],
  ['a time to come', ['--since', '2027-01-01'], {}, '--since 2027-01-01 is not in the past'],
  ['bounds the wrong way round', ['--since', '1d', '--until', '2d'], {}, 'is not before --until'],
])('%s is wrong usage', async (_, argv, options, message) => {
  const { code, stdout, stderr } = await on(large, ['report', ...argv], options)
  expect([code, stdout]).toEqual([2, ''])
  expect(stderr).toContain(message)
})
