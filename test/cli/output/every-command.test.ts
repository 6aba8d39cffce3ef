// Every command that prints rows or a record has every format; what a command cannot have is wrong usage.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { parse } from 'yaml'
import { runCli } from '../../support/cli.ts'
import type { TestDatabase } from '../../support/database.ts'
import { createMigrated } from '../../support/migrated.ts'
import { everyCommand, readReference } from '../help/support.ts'

const ID = '0193f1c2-7a5e-7c11-9d3e-2b6f0a4c8e57'
const OTHER = ID.replace('0193', '0194')
const OLD = ID.replace('0193', '0125')
const ROWS = `
  insert into workflow_executions (execution_id, workflow_name, user_id, mode, model_id, status, start_time, end_time, total_cost, error_message)
    values ('${OLD}', 'w', 'user_7', 'Sales', 'gpt-4o', 'success', '2010-01-01Z', '2010-01-02Z', 1, null),
      ('${ID}', 'Lead enrichment', 'user_7', 'Sales', 'gpt-4o', 'running', '2026-11-20Z', null, 1.2345678901234567890, null),
      ('${OTHER}', 'yes', 'user_7', 'Sales', 'gpt-4o', 'failed', '2026-11-01Z', '2026-11-02Z', 0.25, E'- a: "b"\\n# c');
  insert into audit_logs (log_id, execution_id, timestamp, user_id, action_type, action_details, tool_name, success, tool_input)
    values ('${ID}', '${ID}', '2026-11-20Z', 'user_7', 'tool_call', 'called', 'search', false, '{"n": 1.10, "deep": [[], {}, [1, {"k": null}]]}');
  insert into billing_records (billing_id, timestamp, billing_period, user_id, model_id, cost, execution_id)
    values ('${ID}', '2026-10-15Z', '2026-10', 'user_7', 'gpt-4o', 0.2500, '${ID}');
  insert into observability_metrics (user_id, metric_type, metric_value, timestamp, aggregation_period)
    values ('user_7', 'cost', 1.50, '2026-11-26T11:00Z', 'hour');
  insert into wfstore_cleanups (started_at, cutoff, outcome) values ('2026-11-20Z', '2026-08-20Z', 'done')`

let database: TestDatabase
let folder: string
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'wfstore-formats-'))
  database = await createMigrated('formats')
  await database.sql(ROWS)
  writeFileSync(
    join(folder, 'wfstore.config.json'),
    JSON.stringify({ profiles: { p: { databaseUrl: database.url } } }),
    { mode: 0o600 },
  )
  await cli('token create --name grafana')
  await cli('export --out rows.jsonl')
  writeFileSync(join(folder, 'traces.jsonl'), '')
  writeFileSync(join(folder, 'prices.json'), '[{"model":"gpt-5","input":1,"from":"2026-01-01"}]')
  await cli('cleanup --days 5000 --archive old')
})
afterAll(async () => {
  await database.drop()
  rmSync(folder, { recursive: true })
})

const cli = (line: string) =>
  runCli(line.split(' '), {
    cwd: folder,
    env: { PATH: process.env.PATH, DATABASE_URL: database.url },
  })

/** A line for each command, and the names that -o name prints if they are known; undefined if its rows have none. */
const DATA: [line: string, names: string[] | 'some' | undefined][] = [
  ['executions list --since 2020-01-01', [ID, OTHER]],
  ['executions running', [ID]],
  [`executions show ${ID}`, [ID]],
  [`executions cancel ${ID} --dry-run`, [ID]],
  ['executions fail --older-than 10m --dry-run', []],
  ['audit', [ID]],
  [`audit show ${ID}`, [ID]],
  ['errors', 'some'],
  ['errors --group --since 30d', undefined],
  ['tools', ['search']],
  ['stats', undefined],
  ['metrics list', 'some'],
  ['metrics current', 'some'],
  ['metrics rollup --period day --since 2027-01-01', undefined],
  ['cost --by user', ['user_7']],
  ['cost --by user,mode', undefined],
  ['cost-by-mode', ['Sales']],
  ['billing --period 2026-10', ['user_7']],
  ['billing --period 2026-10 --by total', undefined],
  ['billing --period 2026-10 --reconcile', undefined],
  ['billing records --period 2026-10', [ID]],
  ['billing lines --period 2026-10', [ID]],
  ['billing periods', ['2026-10']],
  ['billing zone', ['UTC']],
  ['billing pay --period 2026-10 --payment-id p --dry-run', ['p']],
  ['billing close --period 2026-10 --dry-run', ['2026-10']],
  [`billing correct ${ID} --cost 1 --reason r --dry-run`, [ID]],
  ['prices set gpt-5 input=1 --from 2026-01-01', ['gpt-5']],
  ['prices import prices.json', undefined],
  ['prices list', ['gpt-5']],
  ['prices check', []],
  ['prices simulate --model x=gpt-5', ['x']],
  ['prices apply --since 2026-01-01 --dry-run', []],
  ['settings', ['cost-tags', 'billing-zone']],
  ['settings set cost-tags team', ['cost-tags', 'billing-zone']],
  ['token', ['grafana']],
  ['token revoke grafana', ['grafana']],
  ['cleanup --days 90 --dry-run', undefined],
  ['cleanup --days 5000', 'some'],
  ['cleanup history', 'some'],
  ['archive verify old', 'some'],
  ['archive query old select(1)as"n"', undefined],
  ['restore old --dry-run', undefined],
  ['export --out again.jsonl', ['again.jsonl']],
  ['import rows.jsonl', undefined],
  ['ingest traces.jsonl', undefined],
  ['ingest check', []],
  ['migrate up', undefined],
  ['migrate up --dry-run', undefined],
  ['migrate status', 'some'],
  ['migrate verify', undefined],
  ['migrate sql', undefined],
  ['migrate roles --dry-run', undefined],
  ['doctor', 'some'],
  ['config', 'some'],
  ['config profiles', ['p']],
  ['db status', undefined],
]

/** Commands that print one text, and the formats that they have. */
const TEXTS: [line: string, formats: string[]][] = [
  ['completion bash', []],
  ['help', ['json']],
  ['help time', []],
  ['help executions list', []],
  ['db stop', []],
  ['export', ['jsonl']],
  ['report', ['json']],
]

/** These need a server of their own, work once, or run until they are interrupted: other tests print their formats. */
const ELSEWHERE = [
  ...['token create', 'demo', 'db trust', 'db url', 'migrate down', 'migrate redo'],
  'archive convert',
  'migrate distribute',
  ...['serve', 'open'],
]

it('the lines of this file name every command', async () => {
  const commands = everyCommand(await readReference())
    .filter((each) => each.command !== '' && each.commands.length === 0)
    .map(({ command }) => command)
    .filter((command) => !ELSEWHERE.includes(command) && !command.startsWith('help '))
  const lines = [...DATA, ...TEXTS].map(([line]) => line)
  expect(commands.filter((command) => !lines.some((line) => line.startsWith(command)))).toEqual([])
})

const linesOf = (text: string) => text.split('\n').slice(0, -1)

/** The names and types of a value: some values differ from one call to the next. */
const shape = (value: unknown): unknown =>
  Array.isArray(value)
    ? value.map(shape)
    : typeof value === 'object' && value !== null
      ? Object.fromEntries(
          Object.entries(value).map(([key, inner]) => [key, key === 'details' ? '' : shape(inner)]),
        )
      : typeof value

it.each(DATA)('%s prints the same data in JSON, JSON lines and YAML', async (line) => {
  // One after the other: two cleanups exclude each other.
  const json = await cli(`${line} -o json`)
  const jsonl = await cli(`${line} -o jsonl`)
  const yaml = await cli(`${line} -o yaml`)
  const rows = JSON.parse(json.stdout)
  const lines = linesOf(jsonl.stdout)
  expect(shape(lines.map((each) => JSON.parse(each)))).toEqual(shape([rows].flat()))
  expect(shape(parse(yaml.stdout))).toEqual(shape(rows))
})

it.each(DATA)('%s has a header in CSV, TSV and a pipe, except with --no-headers', async (line) => {
  const csv = await cli(`${line} -o csv`)
  const tsv = await cli(`${line} -o tsv`)
  const bare = await cli(`${line} -o tsv --no-headers`)
  const [header = '', ...rows] = linesOf(tsv.stdout)
  expect(header.split('\t')).toEqual(csv.stdout.split('\r\n')[0]?.split(','))
  expect(header).toMatch(/^[A-Za-z0-9]+(\t[A-Za-z0-9]+)*$/)
  for (const row of rows) expect(row.split('\t')).toHaveLength(header.split('\t').length)
  const cells = rows.map((row) => row.split('\t').length)
  const unheaded = linesOf(bare.stdout)
  expect(unheaded.map((row) => row.split('\t').length)).toEqual(cells)
})

it.each(DATA)('%s -o name prints ids or names, or is wrong usage', async (line, names) => {
  const { code, stdout, stderr } = await cli(`${line} -o name`)
  if (names === undefined) {
    expect([code, stdout]).toEqual([2, ''])
    expect(stderr).toBe(
      'error: this output has no ids or names for --output name; use --output tsv or json\n',
    )
    return
  }
  const printed = linesOf(stdout)
  if (names === 'some') expect(printed.length).toBeGreaterThan(0)
  else expect(printed).toEqual(names)
})

it.each(TEXTS)('%s refuses a format that it does not have', async (line, formats) => {
  for (const format of ['json', 'jsonl', 'csv', 'tsv', 'yaml', 'name']) {
    if (formats.includes(format)) continue
    const { code, stdout, stderr } = await cli(`${line} -o ${format}`)
    expect([format, code, stdout]).toEqual([format, 2, ''])
    expect(stderr).toContain(` does not support --output ${format}: it `)
  }
})

it.each([
  ['--no-headers -o json', '--no-headers cannot be used with --output json'],
  ['--no-headers --json', '--no-headers cannot be used with --output json'],
  ['--no-headers -o jsonl', '--no-headers cannot be used with --output jsonl'],
  ['--no-headers -o yaml', '--no-headers cannot be used with --output yaml'],
  ['--no-headers -o name', '--no-headers cannot be used with --output name'],
  ['--columns user -o name', '--columns cannot be used with --output name'],
])('executions list %s is wrong usage', async (flags, message) => {
  const { code, stdout, stderr } = await cli(`executions list ${flags}`)
  expect([code, stdout]).toEqual([2, ''])
  expect(stderr).toContain(message)
})

it('the ids of -o name are whole and go into another command, in a pipe with one header', async () => {
  const { stdout } = await cli('executions list --since 2020-01-01 -o name')
  const shown = await cli(`executions show ${stdout.trim().split('\n').join(' ')}`)
  expect(linesOf(shown.stdout).map((line) => line.split('\t')[0])).toEqual([
    'executionId',
    ID,
    OTHER,
  ])
})
