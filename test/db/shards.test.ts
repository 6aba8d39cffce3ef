// docs/SCALE.md says which shards each command reads or writes. Here each is run, and the server is asked with EXPLAIN.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { SHARDED } from '../../src/db/distributed/layout.ts'
import { migrateUp } from '../../src/db/migrate/up.ts'
import { fillDemo } from '../../src/demo/fill.ts'
import { openStore } from '../../src/index.ts'
import { citusUrl } from '../support/citus.ts'
import { NOW, runCli } from '../support/cli.ts'
import { createFilled, type TestDatabase } from '../support/database.ts'
import { dataFolder } from '../support/folder.ts'
import { migrateOptions } from '../support/migrated.ts'

interface Sent {
  text: string
  values: unknown[]
}

const page = readFileSync(join(import.meta.dirname, '../../docs/SCALE.md'), 'utf8')
const [, section = ''] = page.split('### Shards touched')
/** Of a row such as: | `cost --by mode`, `stats` | each | sums of each shard | */
const rows = [...section.matchAll(/^\| (`.*`) +\| (one|each|in turn|none) +\|/gm)].flatMap(
  ([, commands = '', shards = '']) =>
    [...commands.matchAll(/`([^`]+)`/g)].map(([, command]) => ({
      command: command as string,
      shards,
    })),
)

it('the page lists commands', () => expect(rows.length).toBeGreaterThan(20))

describe.skipIf(!citusUrl)('shards touched by', () => {
  let database: TestDatabase
  let folder: string
  const ids: Record<string, string> = {}
  beforeAll(async () => {
    folder = dataFolder('shards')
    database = await createFilled('shards', 'shards', async (empty) => {
      const client = await empty.connect()
      await migrateUp(client, migrateOptions)
      await fillDemo(client, new Date(NOW))
      await client.end()
    })
    const [row] = await database.sql(
      `select e.execution_id as "ID", b.billing_id as "BILL", e.user_id as "USER" from workflow_executions e
       join billing_records b using (execution_id) where e.status = 'success' order by e.start_time desc limit 1`,
    )
    Object.assign(ids, row)
  })
  afterAll(() => database.drop())

  it.each(rows)('$command: $shards', async ({ command, shards }) => {
    const sent = await statementsOf(() => run(command))
    expect(await touched(sent)).toBe(shards)
  })

  async function run(command: string): Promise<void> {
    if (command === 'startExecution … finish') return record()
    const words = command.split(' ').map((word) => ids[word] ?? word)
    const { code, stderr } = await runCli(words, {
      env: { DATABASE_URL: database.url },
      cwd: folder,
    })
    expect([code, stderr].join(' ')).not.toMatch(/^[2-9]|error: (?!\d+ checks? failed)/)
  }

  async function record(): Promise<void> {
    const store = openStore({ databaseUrl: database.url })
    const of = { workflowName: 'w', userId: 'u', mode: 'm', modelId: 'gpt-4o' }
    const execution = await store.startExecution(of)
    const step = await execution.startStep({ stepNumber: 1, stepName: 's' })
    await step.finish({ status: 'success', cost: '0.1', tokens: { input: 1 } })
    await execution.finish({ status: 'success' })
    await store.close()
  }

  /** The number of shards of the statements, as the planner says. */
  async function touched(sent: Sent[]): Promise<string> {
    const ours = new RegExp(`\\b(wfstore_at|${SHARDED.join('|')})\\b`)
    const single = new Set<unknown>()
    let most = 0
    for (const { text, values } of sent.filter(({ text }) => ours.test(text))) {
      const plan = await database.sql(`explain ${text}`, values)
      const counts = plan.map((row) =>
        Number(/Task Count: (\d+)/.exec(String(row['QUERY PLAN']))?.[1] ?? 0),
      )
      const tasks = Math.max(...counts)
      most = Math.max(most, tasks)
      const [at] = /\bwfstore_at\b/.test(text) ? values : []
      if (at !== undefined) {
        const [row] = await database.sql(
          `select get_shard_id_for_distribution_column('workflow_executions', $1::uuid) as shard`,
          [at],
        )
        single.add(row?.shard)
      }
    }
    if (single.size > 1) return 'in turn'
    if (most > 1) return 'each'
    return most === 1 || single.size === 1 ? 'one' : 'none'
  }
})

/** What is sent to the server meanwhile, without its settings and transactions. */
async function statementsOf(work: () => Promise<void>): Promise<Sent[]> {
  const sent: Sent[] = []
  const send = pg.Client.prototype.query as (...given: unknown[]) => unknown
  const spy = vi.spyOn(pg.Client.prototype, 'query').mockImplementation(function (
    this: pg.Client,
    ...given: unknown[]
  ) {
    const [what, values] = given as [string | Sent | { text?: string }, unknown[]?]
    const text = (typeof what === 'string' ? what : what.text) ?? ''
    const own = typeof what === 'string' ? values : (what as Sent).values
    const query = text
      .replace(/^\s*declare \S+ (?:no scroll )?cursor (?:without hold )?for\s/i, '')
      .replace(/^\s*copy \(([\s\S]*)\) to stdout[\s\S]*$/i, '$1')
    if (/^\s*(select|with|insert|update|delete)\b/i.test(query))
      sent.push({ text: query, values: own ?? [] })
    return send.apply(this, given)
  } as never)
  try {
    await work()
  } finally {
    spy.mockRestore()
  }
  return sent
}
