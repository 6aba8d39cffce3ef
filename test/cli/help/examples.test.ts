// @module-tag slow
// Every example of every help page is run, as a shell would run it, and does what it is an example of.
import { execFileSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { TOPICS } from '../../../src/cli/help/topics.ts'
import { citusUrl } from '../../support/citus.ts'
import { runCli } from '../../support/cli.ts'
import { collectorLines } from '../../support/collector.ts'
import { createDatabase, type TestDatabase } from '../../support/database.ts'
import { dataFolder } from '../../support/folder.ts'
import { dropRoles } from '../../support/privileges.ts'
import { createTemplate, type Template } from '../../support/template.ts'
import { everyCommand, readReference, stagesOf } from './support.ts'

const ID = '0193f1c2-7a5e-7c11-9d3e-2b6f0a4c8e57'
const OTHER = ID.replace('0193', '0194')

/** What the examples name: a user, a workflow, a run, an entry, a bill; and a run that cleanup removes. */
const ROWS = `
  insert into workflow_executions (execution_id, workflow_name, user_id, mode, model_id, status, start_time, end_time, total_cost)
    values ('${ID}', 'Lead enrichment', 'user_7', 'Sales', 'gpt-4o', 'running', now() - interval '1 hour', null, 0.25),
      ('${OTHER}', 'Lead enrichment', 'user_7', 'Sales', 'gpt-4o', 'success', '2026-01-01Z', '2026-01-02Z', 0.25),
      ('${ID.replace('0193', '0195')}', 'Lead enrichment', 'user_7', 'Sales', 'gpt-4o', 'success', now(), now(), 0.25);
  insert into audit_logs (log_id, execution_id, timestamp, user_id, action_type, action_details, tool_name, success)
    values ('${ID}', '${ID}', now(), 'user_7', 'tool_call', 'called', 'search', false);
  insert into billing_records (billing_id, timestamp, billing_period, user_id, model_id, cost)
    values ('${ID}', '2026-10-15Z', '2026-10', 'user_7', 'gpt-4o', 0.25);
  insert into wfstore_tokens (token_id, name, hash, can)
    select id::uuid, name, encode(sha256(id::bytea), 'hex'), 'read'
    from (values ('${ID}', 'ci'), ('${OTHER}', 'wallboard')) as t (id, name)`

/** They change what others read. */
const WRITES =
  /^(executions (cancel|fail)|billing (zone|pay|correct|close)|metrics rollup|cleanup|import|ingest|export .*import)/
const DOWN = /^migrate (up|down|redo|roles)/
const NOT_THERE = /distribute --undo` first|confirmation required/

let full: Template
let empty: Template
let shared: TestDatabase
let folder: string
/** By where their archives went: only there can they be restored. */
const cleaned: Record<string, TestDatabase> = {}
/** The archive that went to a pipe. */
let archive: Buffer
// Roles belong to the whole server.
const prefix = `help_${randomBytes(4).toString('hex')}`

beforeAll(async () => {
  folder = dataFolder('examples')
  const migrated = (database: TestDatabase) =>
    runCli(['migrate', 'up', '--database-url', database.url])
  empty = await createTemplate('examples_empty', migrated)
  full = await createTemplate('examples', async (database) => {
    await migrated(database)
    await database.sql(ROWS)
  })
  shared = await full.copy()
  const config = { profiles: { staging: { databaseUrl: shared.url } } }
  writeFileSync(join(folder, 'traces.jsonl.gz'), gzipSync(collectorLines('ai7-both')))
  writeFileSync(join(folder, 'negotiated.csv'), 'model,input\ngpt-5,1.00\n')
  writeFileSync(join(folder, 'wfstore.config.json'), JSON.stringify(config), { mode: 0o600 })
  for (const place of ['archive', '-']) {
    const database = await full.copy()
    const argv = ['cleanup', '--days', '90', '--archive', place, '--database-url', database.url]
    archive = Buffer.from((await runCli(argv, { cwd: folder })).stdout)
    cleaned[place] = database
  }
  await runCli(['export', '--out', 'history.jsonl.gz', '--database-url', shared.url], {
    cwd: folder,
  })
})
afterAll(async () => {
  await dropRoles(shared, prefix)
  for (const database of [shared, ...Object.values(cleaned)]) await database.drop()
  await full.drop()
  await empty.drop()
  rmSync(folder, { recursive: true })
})

async function databaseOf(line: string): Promise<{ url?: string; drop?: () => Promise<void> }> {
  if (/^(db |demo$)/.test(line)) return {}
  if (line.startsWith('restore'))
    return { url: cleaned[line.endsWith('-') ? '-' : 'archive']?.url as string }
  if (line.startsWith('demo ')) return createDatabase('examples_demo')
  if (DOWN.test(line)) return empty.copy()
  return WRITES.test(line) ? full.copy() : { url: shared.url }
}

/** Runs the wfstores of a line, one after another, and gives what each ended with. */
async function run(line: string): Promise<string[]> {
  const own = /wfstore (.*)/s.exec(line)?.[1] as string
  const { url, drop } = await databaseOf(own)
  const said: string[] = []
  let piped = archive
  for (const { words, piped: isPiped } of stagesOf(line)) {
    if (words[0] !== 'wfstore') continue
    const argv = words
      .slice(1)
      .map((word) =>
        word.replace(
          '/var/archive',
          join(folder, own.startsWith('cleanup') ? 'cleaned' : 'archive'),
        ),
      )
      .map((word) => (/^postgresql:/.test(word) ? (url as string) : word))
    if (own.startsWith('migrate roles')) argv.push('--prefix', prefix)
    const endless = words.some((word) => /^(--watch|--follow|--listen|serve|open)$/.test(word))
    const { code, stdout, stderr } = await runCli(argv, {
      cwd: folder,
      env: { PATH: process.env.PATH, ...(url === undefined ? {} : { DATABASE_URL: url }) },
      ...(isPiped ? { stdin: piped } : {}),
      ...(endless ? { terminal: 80, signal: AbortSignal.abort('SIGINT') } : {}),
    })
    piped = Buffer.from(stdout)
    // `npm run test:citus` runs it on a cluster.
    if (own.startsWith('migrate distribute') && /no extension citus/.test(stderr)) continue
    // The databases of that run are distributed, and `--undo` asks.
    if (citusUrl && /^migrate (down|redo|distribute --undo)/.test(own) && NOT_THERE.test(stderr))
      continue
    if (code !== (endless ? 130 : 0)) said.push(`${line}: ${code} ${stderr}`)
  }
  await drop?.()
  return said
}

it('every example of every help page works', async () => {
  const commands = everyCommand(await readReference())
  // The embedded database is created before other examples read it.
  const first = (name: string) => Number(name !== 'demo')
  commands.sort((a, b) => first(a.command) - first(b.command))
  const lines = commands.flatMap(({ examples }) => examples)
  expect(lines.length).toBeGreaterThan(70)
  const failed: string[] = []
  for (const line of lines) failed.push(...(await run(line)))
  expect(failed).toEqual([])
})

it('every example of a topic works', async () => {
  for (const { text } of TOPICS.filter(({ text }) => text.includes('Examples:'))) {
    const [, examples = ''] = text.split('Examples:\n')
    const lines = examples.trim().split('\n')
    expect(lines).not.toEqual([''])
    for (const line of lines) expect(await run(line.trim())).toEqual([])
  }
})

it('after TAB an embedded server that is stopped stays so', async () => {
  const [bin, { PATH = '' }] = [join(import.meta.dirname, '../../../bin/wfstore.js'), process.env]
  const status = async () =>
    JSON.parse((await runCli(['db', 'status', '--json'], { cwd: folder, env: { PATH } })).stdout)
      .state
  // The last of the examples has stopped it.
  expect(await status()).toBe('stopped')
  const options = { cwd: folder, env: { PATH, WFSTORE_COMPLETION_MS: '30000' } }
  const argv = [bin, 'complete', 'zsh', 'stats', '--user', '']
  expect(execFileSync(process.execPath, argv, options).toString()).toBe('words\0')
  expect(await status()).toBe('stopped')
})
