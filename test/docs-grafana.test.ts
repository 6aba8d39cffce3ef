import { execFileSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type pg from 'pg'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { fillDemo } from '../src/demo/fill.ts'
import { parseExposition } from './cli/commands/metrics/exposition.ts'
import { metricsSite, NOW } from './server/metrics/metrics-site.ts'
import { runCli } from './support/cli.ts'
import { openPool, type TestDatabase } from './support/database.ts'
import { dataFolder } from './support/folder.ts'
import { createMigrated } from './support/migrated.ts'
import { dropRoles } from './support/privileges.ts'

interface Target {
  refId: string
  datasource: { type: string; uid: string }
  expr?: string
  rawSql?: string
  format?: string
}
interface Panel {
  id: number
  type: string
  title: string
  gridPos: { x: number; y: number; w: number; h: number }
  datasource?: { type: string; uid: string }
  targets?: Target[]
}

const dashboard = JSON.parse(
  readFileSync(new URL('../docs/grafana/wfstore.json', import.meta.url), 'utf8'),
)
const panels: Panel[] = dashboard.panels
const targets = panels.flatMap(({ title, targets = [] }) =>
  targets.map((target): [string, Target] => [`${title} ${target.refId}`, target]),
)
const expressions = targets.flatMap(([name, { expr }]) => (expr ? [[name, expr] as const] : []))
const statements = targets.flatMap(([name, { rawSql, format }]) =>
  rawSql ? [[name, rawSql, format] as const] : [],
)

/** Roles belong to the whole server, which other test files use at the same time. */
const prefix = `grafana_${randomBytes(4).toString('hex')}`
let database: TestDatabase
let pool: pg.Pool
let reader: pg.Client
beforeAll(async () => {
  database = await createMigrated('grafana')
  const client = await database.connect()
  await fillDemo(client, NOW)
  await client.end()
  const env = { DATABASE_URL: database.url }
  await runCli(['migrate', 'roles', '--prefix', prefix], { env })
  pool = openPool({ connectionString: database.url })
  reader = await database.connect()
  await reader.query(`set role ${prefix}_reader; set default_transaction_read_only = on`)
})
afterAll(async () => {
  await reader.end()
  await pool.end()
  await dropRoles(database, prefix)
  await database.drop()
})

it.each(expressions)('%s: its metrics are in /metrics', async (_, expr) => {
  const known = parseExposition(await metricsSite(pool).scrape()).map(({ name }) => name)
  const named = expr.match(/\bwfstore_\w+/g) ?? []
  expect(named.length).toBeGreaterThan(0)
  expect(named.filter((name) => !known.includes(name))).toEqual([])
})

it('its expressions are PromQL (WFSTORE_TEST_PROMTOOL names the program)', () => {
  const promtool = process.env.WFSTORE_TEST_PROMTOOL
  const rules = expressions.map(([, expr], place) => ({
    record: `panel:target:${place}`,
    expr: expr.replaceAll('$__rate_interval', '5m').replaceAll('$job', '.+'),
  }))
  expect(rules.filter(({ expr }) => expr.includes('$'))).toEqual([])
  if (!promtool) return
  const file = join(dataFolder('promtool'), 'rules.yml')
  writeFileSync(file, JSON.stringify({ groups: [{ name: 'dashboard', rules }] }))
  const output = execFileSync(promtool, ['check', 'rules', file], { encoding: 'utf8' })
  expect(output).toContain(`SUCCESS: ${rules.length} rules found`)
})

/** As Grafana replaces its macros for PostgreSQL, in the 180 days before now. */
function withoutMacros(text: string): string {
  const from = new Date(NOW.getTime() - 180 * 86_400_000).toISOString()
  return text
    .replace(/\$__timeFilter\((\w+)\)/g, `$1 between '${from}' and '${NOW.toISOString()}'`)
    .replace(
      /\$__timeGroupAlias\((\w+), '1d'\)/g,
      'floor(extract(epoch from $1)/86400)*86400 as "time"',
    )
}

it.each(statements)('%s: its SQL runs as a reader and finds rows', async (_, text, format) => {
  const statement = withoutMacros(text)
  expect(statement).not.toContain('$_')
  const { rows, fields } = await reader.query(statement)
  expect(rows.length).toBeGreaterThan(0)
  // Grafana makes a series of each value of the column metric.
  const names = fields.map(({ name }) => name)
  if (format === 'time_series') expect(names.slice(0, 2)).toEqual(['time', 'metric'])
})

it('its panels have their own ids and places, and its data sources are variables', () => {
  expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length)
  const cells = panels.flatMap(({ gridPos: { x, y, w, h } }) =>
    Array.from({ length: w * h }, (_, cell) => `${x + (cell % w)},${y + Math.floor(cell / w)}`),
  )
  expect(new Set(cells).size).toBe(cells.length)
  expect(panels.every(({ gridPos: { x, w } }) => x + w <= 24)).toBe(true)
  const variables = dashboard.templating.list.map(({ name }: { name: string }) => `\${${name}}`)
  const used = panels.flatMap(({ datasource, targets = [] }) =>
    [datasource, ...targets.map((target) => target.datasource)].flatMap((one) => one?.uid ?? []),
  )
  expect(used.length).toBeGreaterThan(20)
  expect(used.filter((uid) => !variables.includes(uid))).toEqual([])
})
