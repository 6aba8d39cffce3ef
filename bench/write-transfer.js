// Import and export, compared with COPY of the same rows.
import { execFileSync } from 'node:child_process'
import { createReadStream, createWriteStream } from 'node:fs'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { Writable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { pipeline } from 'node:stream/promises'
import { from, to } from 'pg-copy-streams'
import { archiveInFolder, openStore } from '../dist/index.js'
import { compare } from './turns.js'

export const TABLES = ['workflow_executions', 'workflow_steps', 'audit_logs', 'billing_records']
const REMOVED = ['workflow_executions', 'workflow_steps', 'audit_logs']
const HISTORIES = ['usage_history', 'audit_history']
const LINES_PER_RUN = 16
const library = new URL('../dist/index.js', import.meta.url).href

/** Creates runs with 5 steps, 9 audit entries and a bill each. */
export async function fill({ client, reset }, lines) {
  await reset()
  await client.query(
    `insert into workflow_executions (execution_id, workflow_name, user_id, mode, model_id, start_time, end_time, status, total_cost,
       total_tokens, steps_total, steps_completed, metadata)
     select gen_random_uuid(), 'workflow ' || n % 40, 'user_' || n % 200, 'Sales', 'gpt-4o', at, at + interval '5 seconds', 'success',
       0.000615, n % 9000, 5, 5, '{"source": "crm"}'
     from generate_series(1, $1::integer) as n, lateral (select now() - n * interval '63 seconds' as at) as t`,
    [Math.floor(lines / LINES_PER_RUN)],
  )
  await client.query(
    `insert into workflow_steps (execution_id, step_id, step_number, step_name, tool_name, tool_parameters, status, start_time, end_time,
       duration_ms, tokens_used, cost, result, tokens_input, tokens_output)
     select execution_id, gen_random_uuid(), k, 'step ' || k, 'SEARCH', '{"limit": 20, "query": "companies"}', 'success', start_time,
       end_time, 5000, total_tokens / 5, 0.000123, '{"rows": 3, "first": "a company"}', 60, 40
     from workflow_executions, generate_series(1, 5) as k`,
  )
  await client.query(
    `insert into audit_logs (execution_id, timestamp, user_id, action_type, action_details, tool_name, tool_input, tool_output,
       tokens_used, cost, model_id)
     select execution_id, start_time + k * interval '1 second', user_id, 'tool_call', 'Tool call: SEARCH', 'SEARCH',
       '{"limit": 20, "query": "companies"}', '{"rows": 3, "first": "a company"}', 10, 0.000123, model_id
     from workflow_executions, generate_series(1, 9) as k`,
  )
  await client.query(
    `insert into billing_records (user_id, execution_id, timestamp, model_id, tokens_input, tokens_output, tokens_total, cost,
       billing_period)
     select user_id, execution_id, end_time, model_id, 60, 40, total_tokens, total_cost, to_char(end_time, 'YYYY-MM')
     from workflow_executions`,
  )
}

async function exportFile(bench, lines) {
  await fill(bench, lines)
  const file = join(bench.folder, `${lines}.jsonl`)
  await pipeline(openStore({ pool: bench.client }).export(), createWriteStream(file))
  return file
}

export async function imports(bench) {
  const { client, reset, sizes } = bench
  const file = await exportFile(bench, sizes.lines)
  const copies = await copiesOf(client, [...TABLES, 'wfstore_bill_lines'])
  const store = openStore({ pool: client })
  const ours = async () => {
    await reset()
    return () => store.import(createReadStream(file))
  }
  const side = async () => {
    await reset()
    return () => copyBack(client, copies)
  }
  const what = 'COPY of the same rows and lines of bills, 1 transaction'
  const name = 'import of an export'
  const rows = rowsOf(sizes.lines)
  const results = await compare(bench, { name, rows }, ours, [{ what, side, goal: 0.5 }])
  await rm(file)
  return results
}

/** The copies, as COPY sends them. */
async function copiesOf(client, tables) {
  const copies = []
  for (const name of tables)
    copies.push([
      `copy ${name} from stdin`,
      await buffer(client.query(to(`copy ${name} to stdout`))),
    ])
  return copies
}

/** Without the setting, triggers compute the totals and lines that are among the rows. */
async function copyBack(client, copies) {
  await client.query("begin; set local wfstore.keeps_totals = 'on'")
  for (const [text, data] of copies) await pipeline([data], client.query(from(text)))
  await client.query('commit')
}

/** Restores what a cleanup has removed: each round begins with the histories of that cleanup. */
export async function restores(bench) {
  const { client, sizes, reset } = bench
  await fill(bench, sizes.lines)
  const copies = await copiesOf(client, REMOVED)
  const place = join(bench.folder, 'archive')
  await rm(place, { recursive: true, force: true })
  const store = openStore({ pool: client })
  const { removed } = await store.cleanup({
    before: new Date(Date.now() - 1000),
    allowAll: true,
    archive: archiveInFolder(place),
  })
  const histories = await copiesOf(client, HISTORIES)
  const side = (timed) => async () => {
    await client.query(`truncate ${HISTORIES.join(', ')}`)
    await reset()
    await copyBack(client, histories)
    return timed
  }
  const results = await compare(
    bench,
    { name: 'restore', rows: Object.values(removed).reduce((sum, count) => sum + count) },
    side(() => store.restore(place)),
    [
      {
        what: 'COPY of the same rows, 1 transaction',
        side: side(() => copyBack(client, copies)),
        goal: 0.5,
      },
    ],
  )
  await client.query(`truncate ${HISTORIES.join(', ')}`)
  await rm(place, { recursive: true })
  return results
}

/** Discards the output, so that the disk is not measured. */
export async function exports(bench) {
  const { client, sizes } = bench
  await fill(bench, sizes.lines)
  await client.query('vacuum analyze')
  const store = openStore({ pool: client })
  const ours = async () => () => pipeline(store.export(), nothing())
  const copied = (statement) => async () => async () => {
    for (const name of TABLES) await pipeline(client.query(to(statement(name))), nothing())
  }
  return compare(bench, { name: 'export', rows: rowsOf(sizes.lines) }, ours, [
    {
      what: 'COPY TO of row_to_json',
      goal: 0.5,
      side: copied((name) => `copy (select row_to_json(t) from ${name} t) to stdout`),
    },
  ])
}

const rowsOf = (lines) => Math.floor(lines / LINES_PER_RUN) * LINES_PER_RUN

const nothing = () => new Writable({ write: (_chunk, _encoding, done) => done() })

/** The maximum memory of an import in its own process, in MB. */
export async function memoryOfImports(bench) {
  const code = `import { createReadStream } from 'node:fs'
    const [url, file] = process.argv.slice(1)
    const { openStore } = await import(${JSON.stringify(library)})
    const store = openStore({ databaseUrl: url })
    await store.import(createReadStream(file))
    await store.close()
    process.stdout.write(String(process.resourceUsage().maxRSS / 1024))`
  const peak = async (lines) => {
    const file = await exportFile(bench, lines)
    await bench.reset()
    const words = ['--input-type=module', '-e', code, bench.url, file]
    const mb = Number(execFileSync(process.execPath, words, { env: {}, encoding: 'utf8' }))
    await rm(file)
    return mb
  }
  const few = bench.sizes.lines
  const [theirs, ours] = [await peak(few), await peak(10 * few)]
  return {
    name: `memory of an import, ${(10 * few).toLocaleString('en')} lines`,
    unit: 'MB',
    ours,
    what: `${few.toLocaleString('en')} lines`,
    theirs,
    ratio: ours / theirs,
    goal: 1.2,
    pairs: 1,
  }
}
