import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { runCli } from '../support/cli.ts'
import type { TestDatabase } from '../support/database.ts'
import { createMigrated } from '../support/migrated.ts'

/** Rows that hold the largest count of the database: 2^63 - 1. A double has no such number, and bigint no sum of them. */
const LARGEST = 9223372036854775807n
const ROWS = 3
const SUM = String(LARGEST * BigInt(ROWS))

let database: TestDatabase

beforeAll(async () => {
  database = await createMigrated('large-counts')
  await database.sql(`insert into workflow_executions (execution_id, workflow_name, user_id, mode, model_id, start_time, end_time, status, total_cost, total_tokens)
    select ('0193f1c2-7a5e-7c11-9d3e-' || lpad(n::text, 12, '0'))::uuid, 'w', 'u', 'm', 'x', '2026-11-20Z', '2026-11-20T00:00:01Z', 'success', 0.1, ${LARGEST}
    from generate_series(1, ${ROWS}) as n`)
  await database.sql(`insert into workflow_steps (execution_id, step_number, step_name, tool_name, start_time, status, tokens_used, tokens_input, duration_ms)
    select execution_id, 1, 's', 't', start_time, 'success', ${LARGEST}, ${LARGEST}, ${LARGEST} from workflow_executions`)
  await database.sql(`insert into audit_logs (execution_id, user_id, action_type, action_details, tool_name, timestamp, tokens_used)
    select execution_id, 'u', 'tool_call', 'd', 't', start_time, ${LARGEST} from workflow_executions`)
  await database.sql(`insert into billing_records (execution_id, user_id, model_id, cost, timestamp, billing_period, tokens_total, tokens_input, tokens_output)
    select execution_id, 'u', 'x', 0.1, start_time, '2026-11', ${LARGEST}, ${LARGEST}, ${LARGEST} from workflow_executions`)
})
afterAll(() => database.drop())

const run = (words: string, options: object = {}) =>
  runCli([...words.split(' '), '--database-url', database.url], options)

const RUN = '0193f1c2-7a5e-7c11-9d3e-000000000001'

const totals = [
  'stats',
  'stats --user u',
  'cost --by user',
  'cost --by day,model',
  'tools',
  'billing',
  'billing --by model',
  'billing --by total',
  'billing periods',
]
const others = [
  'executions list',
  `executions show ${RUN}`,
  'audit',
  'billing records --period 2026-11',
  'billing --period 2026-11 --reconcile',
]

describe('counts of any size are exact and end no report', () => {
  it.each(totals)('%s has their sum with every digit in JSON and CSV', async (words) => {
    for (const output of ['json', 'csv']) {
      const { code, stdout, stderr } = await run(`${words} -o ${output}`)
      expect({ code, stderr: stderr.match(/error.*/)?.[0] }).toEqual({ code: 0 })
      expect(stdout).toMatch(new RegExp(`\\b${SUM}\\b`))
    }
  })

  it.each([...totals, ...others])(
    '%s is printed on a terminal and in each format',
    async (words) => {
      expect((await run(words, { terminal: 200 })).code).toBe(0)
      for (const output of ['table', 'json', 'jsonl', 'csv']) {
        const { code, stderr } = await run(`${words} -o ${output}`)
        expect([output, code, stderr.match(/^error.*/m)?.[0]]).toEqual([output, 0, undefined])
      }
    },
  )

  it('a terminal shows the same digits, in groups of three or without', async () => {
    const { stdout } = await run('cost --by user', { terminal: 200 })
    expect(stdout.replaceAll(',', '')).toContain(SUM)
  })

  it('a row has its own count with every digit', async () => {
    const { stdout } = await run(`executions show ${RUN} --json`)
    expect(stdout).toContain(`"totalTokens": ${LARGEST}`)
    expect(stdout).toContain(`"tokensUsed": ${LARGEST}`)
  })

  it('FOCUS has the quantity of each class, and the rest is 0', async () => {
    const { code, stdout } = await run('billing --period 2026-11 -o focus')
    expect(code).toBe(0)
    expect(stdout.split(`,${LARGEST},Tokens,`)).toHaveLength(1 + 4 * ROWS)
  })

  it('Prometheus has the sum, and a rollup stores it', async () => {
    expect((await run('metrics rollup --period day')).code).toBe(0)
    const { code, stdout } = await run('metrics -o prometheus --period day --since 2026-11-01')
    expect(code).toBe(0)
    expect(stdout).toContain(`wfstore_tokens_total ${SUM}\n`)
    expect(stdout).toMatch(new RegExp(`wfstore_token_usage{.*} ${SUM}\n`))
  })

  it('the report shows the sum', async () => {
    const { code, stdout, stderr } = await run('report --since 2026-11-01 --json')
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(stdout).toContain(SUM)
    const page = await run('report --since 2026-11-01')
    expect(page.code).toBe(0)
    expect(page.stdout.replaceAll(',', '')).toContain(SUM)
  })

  it('a cleanup keeps the sum, although no column of the history can hold it', async () => {
    const other = await createMigrated('large-counts-cleanup')
    await other.sql(`insert into workflow_executions (workflow_name, user_id, mode, model_id, start_time, end_time, status, total_cost, total_tokens)
      select 'w', 'u', 'm', 'x', timestamptz '2026-01-20Z' + n * interval '1 s', '2026-01-20T00:01Z', 'success', 0.1, ${LARGEST} from generate_series(1, ${ROWS}) as n`)
    const url = ['--database-url', other.url]
    const stats = ['stats', '--json', '--columns', 'totalExecutions,totalTokens,totalCost', ...url]
    const before = await runCli(stats)
    expect(before.stdout).toContain(SUM)
    for (const batch of ['20000', '2']) {
      const { code, stderr } = await runCli([
        ...[
          'cleanup',
          '--before',
          '2026-02-01',
          '--allow-all',
          '--yes',
          '--batch-size',
          batch,
          ...url,
        ],
      ])
      expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    }
    expect(await other.sql('select from workflow_executions')).toEqual([])
    expect((await runCli(stats)).stdout).toBe(before.stdout)
    await other.drop()
  })

  it('an export is imported again with the same digits', async () => {
    const { stdout: exported } = await run('export')
    const other = await createMigrated('large-counts-copy')
    const { code } = await runCli(['import', '-', '--database-url', other.url], {
      stdin: Buffer.from(exported),
    })
    expect(code).toBe(0)
    const { stdout } = await runCli(['export', '--database-url', other.url])
    expect(stdout).toBe(exported)
    await other.drop()
  })
})
