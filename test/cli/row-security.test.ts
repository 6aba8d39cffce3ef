import { randomBytes, randomUUID } from 'node:crypto'
import { rmSync } from 'node:fs'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openStore } from '../../src/index.ts'
import { runCli } from '../support/cli.ts'
import { openPool, type TestDatabase } from '../support/database.ts'
import { dataFolder } from '../support/folder.ts'
import { createAdopted } from '../support/migrated.ts'
import { dropRoles } from '../support/privileges.ts'

const TABLES = [
  'audit_logs',
  'billing_records',
  'observability_metrics',
  'workflow_executions',
  'workflow_steps',
]
const prefix = `rls_${randomBytes(4).toString('hex')}`
const folder = dataFolder('row-security')

let database: TestDatabase

/** A role with all privileges, from which the policies of the application hide every row. */
const role = `${prefix}_app`

beforeAll(async () => {
  database = await createAdopted('row_security_cli')
  const { code } = await cli('cleanup --before 2026-09-01 --archive old --yes', null)
  expect(code).toBe(0)
  await database.sql(`create role ${role} login;
    grant select, insert, update, delete on all tables in schema public to ${role}`)
  for (const table of TABLES)
    await database.sql(
      `alter table ${table} enable row level security; create policy own on ${table} using (false)`,
    )
})
afterAll(async () => {
  rmSync(folder, { recursive: true })
  await dropRoles(database, prefix)
  await database.drop()
})

const RUN = { workflowName: 'w', userId: 'user_1', mode: 'Sales', modelId: 'm' } as const

const urlOf = (name: string): string => {
  const url = new URL(database.url)
  url.username = name
  return url.href
}
const cli = (line: string, name: string | null = role) =>
  runCli([...line.split(' '), '--database-url', name ? urlOf(name) : database.url], {
    cwd: folder,
    stdin: Buffer.from(''),
  })

describe('where policies hide rows', () => {
  it.each([
    'stats',
    'executions list',
    'executions running',
    'executions show latest',
    'audit list',
    'errors',
    'tools',
    'metrics list',
    'cost --by user',
    'billing',
    'billing periods',
    'billing records',
    'billing zone',
    'billing close --period 2026-10 --yes',
    'billing close --period 2026-10 --dry-run',
    'billing pay --period 2026-10 --payment-id x --yes',
    'billing --reconcile',
    'report --out x.html',
    'export',
    'import -',
    'cleanup --before 2027-01-01 --yes',
    'cleanup --before 2027-01-01 --dry-run',
    'cleanup history',
    'restore old',
  ])('`%s` is an error', async (line) => {
    const { code, stdout, stderr } = await cli(line)
    expect(stderr).toContain(`row-level security hides rows of ${TABLES.join(', ')}`)
    expect([code, stdout]).toEqual([1, ''])
  })
})

it('a pool of the application, whose sessions have row_security on, cannot report or record either', async () => {
  const pool = openPool({ connectionString: urlOf(role) })
  const store = openStore({ pool })
  const refused = {
    code: 'permission_denied',
    message: expect.stringContaining('row-level security'),
  }
  await expect(store.getStats()).rejects.toMatchObject(refused)
  await expect(store.startExecution(RUN)).rejects.toMatchObject(refused)
  await expect(store.cleanup({ before: '2026-01-01T00:00:00Z' })).rejects.toMatchObject(refused)
  await expect(store.billing.closePeriod({ period: '2026-10' })).rejects.toMatchObject(refused)
  await pool.end()
})

describe('on a pool of the application, a policy that is enabled later', () => {
  const hide = (hidden: boolean) =>
    database.sql(`alter role ${role} ${hidden ? 'no' : ''}bypassrls`)
  const NAMES = TABLES.join(', ')
  const refused = {
    code: 'permission_denied',
    message: expect.stringContaining('row-level security'),
    hint: expect.stringContaining('BYPASSRLS'),
  }

  it('makes every later answer and job an error, and no number smaller', async () => {
    await hide(false)
    const pool = openPool({ connectionString: urlOf(role), max: 2 })
    const store = openStore({ pool })
    const first = await store.getStats()
    expect(first.totalExecutions).toBeGreaterThan(0)
    const [run] = (await store.executions.list({ limit: 1 })).rows
    const recorder = await store.startExecution(RUN)
    const step = await recorder.startStep({ stepNumber: 1, stepName: 's' })
    const batch = store.batch()
    await hide(true)
    const calls: (() => Promise<unknown>)[] = [
      () => store.getStats(),
      () => store.stats(),
      () => store.cost({ by: 'user' }),
      () => store.executions.list(),
      () => store.executions.get(run?.executionId ?? ''),
      () => store.audit.list({ userId: 'nobody' }),
      () => store.billing.summary({ period: '2026-10' }),
      () => store.billing.closePeriod({ period: '2026-10' }),
      () => store.billing.focus({ period: '2026-10' }).next(),
      () => store.metrics.rollup({ period: 'day', since: '2026-09-01T00:00:00Z' }),
      () => store.executions.failStuck({ olderThanMs: 86_400_000 }),
      () => store.export().next(),
      () => store.cleanup({ before: '2026-01-01T00:00:00Z' }),
      () => store.startExecution(RUN),
      () => step.finish({ status: 'success', cost: '1' }),
      () => recorder.finish({ status: 'success' }),
      () =>
        batch.step({
          executionId: recorder.executionId,
          stepNumber: 2,
          stepName: 's',
          status: 'success',
        }),
    ]
    for (const call of calls) await expect(call(), String(call)).rejects.toMatchObject(refused)
    await expect(store.getStats()).rejects.toMatchObject({
      message: `row-level security hides rows of ${NAMES}`,
    })
    await hide(false)
    await step.finish({ status: 'success', cost: '1' })
    await recorder.finish({ status: 'success' })
    expect(await store.getStats()).toMatchObject({ totalExecutions: first.totalExecutions + 1 })
    await hide(true)
    await pool.end()
  })

  it('does so for a client too, and the settings of its session stay', async () => {
    await hide(false)
    const client = new pg.Client({ connectionString: urlOf(role) })
    await client.connect()
    const store = openStore({ pool: client })
    await client.query('begin')
    await store.getStats()
    await hide(true)
    await expect(store.getStats()).rejects.toMatchObject(refused)
    await client.query('rollback')
    await expect(store.executions.cancel([randomUUID()])).rejects.toMatchObject(refused)
    expect((await client.query('show row_security')).rows).toEqual([{ row_security: 'on' }])
    await client.end()
  })
})

it('`migrate verify` compares the schema and does not count the rows of these tables', async () => {
  const { code, stdout } = await cli('migrate verify --json')
  const { ok, tables } = JSON.parse(stdout) as {
    ok: boolean
    tables: { table: string; rows: number | null; estimated: boolean }[]
  }
  expect([code, ok]).toEqual([0, true])
  const hidden = tables.filter(({ table }) => TABLES.includes(table))
  expect(hidden).toHaveLength(TABLES.length)
  for (const { rows, estimated } of hidden) {
    expect(estimated).toBe(true)
    expect(rows).not.toBe(0)
  }
})

it('`doctor` fails, and its fix gives the role the whole answers', async () => {
  const { code, stdout } = await cli('doctor --json')
  const findings = JSON.parse(stdout) as {
    check: string
    state: string
    finding: string
    fix: string
  }[]
  const fix = `alter role ${role} bypassrls`
  expect(code).toBe(1)
  expect(findings.find(({ check }) => check === 'row-security')).toMatchObject({
    state: 'failed',
    finding: `row security hides rows of ${TABLES.join(', ').replace(/, (?=\w+$)/, ' and ')} from role ${role}, so reports and jobs refuse to run`,
    fix,
  })
  expect(findings.filter(({ state }) => state === 'warning').map((one) => one.fix)).toEqual([
    ...[fix, fix, fix, fix, fix, fix, fix],
  ])
  await database.sql(fix)
  expect((await cli('stats --json')).stdout).toBe((await cli('stats --json', null)).stdout)
  expect((await cli('doctor --json')).code).toBe(0)
  await database.sql(`alter role ${role} nobypassrls`)
})

it('`migrate roles` gives its roles BYPASSRLS, and says how a login role has it too', async () => {
  const made = await cli(`migrate roles --prefix ${prefix}`, null)
  expect(made.code).toBe(0)
  const [, advice = ''] =
    /for each login role run.*: (alter role alice .*)\n/.exec(made.stderr) ?? []
  const alice = `${prefix}_alice`
  await database.sql(`create role ${alice} login; grant ${prefix}_reader to ${alice}`)
  expect(await cli('stats --json', alice)).toMatchObject({ code: 1 })
  await database.sql(advice.replace('alice', alice))
  expect(await cli('stats --json', alice)).toMatchObject({
    code: 0,
    stdout: (await cli('stats --json', null)).stdout,
  })
})

it('`migrate roles` without the right to give BYPASSRLS does the rest and names the statement', async () => {
  const owner = `${prefix}_owner`
  await database.sql(`create role ${owner} login createrole; alter schema public owner to ${owner};
    do $$ declare one regclass; begin
      for one in select oid from pg_class where relnamespace = 'public'::regnamespace
        and (relkind in ('r', 'v') or relname = 'wfstore_other_writes')
        and not exists (select from pg_depend where objid = pg_class.oid and deptype = 'e') loop
        execute format('alter table %s owner to ${owner}', one);
      end loop;
    end $$`)
  const { code, stdout, stderr } = await cli(`migrate roles --prefix ${prefix}_other`, owner)
  expect([code, stdout]).toEqual([0, expect.stringContaining('privileges set')])
  expect(stderr).toContain(
    `the tables have row security; as a superuser run: alter role ${prefix}_other_cleaner bypassrls; alter role`,
  )
  expect(await cli('stats --json', owner)).toMatchObject({ code: 0 })
})

it('`doctor` warns where the policies apply to the owner too, because no month can be closed', async () => {
  const owner = `${prefix}_owner`
  await database.sql(`alter function wfstore_close_period() owner to ${owner};
    alter table audit_logs force row level security`)
  const find = async (name: string | null) =>
    (JSON.parse((await cli('doctor --json', name)).stdout) as { check: string }[]).find(
      ({ check }) => check === 'row-security',
    )
  expect(await find(null)).toMatchObject({ state: 'ok' })
  await database.sql('alter table billing_records force row level security')
  expect(await find(owner)).toMatchObject({
    state: 'failed',
    finding: expect.stringContaining('hides rows of audit_logs and billing_records'),
  })
  expect(await cli('billing', owner)).toMatchObject({ code: 1, stdout: '' })
  expect(await find(null)).toMatchObject({
    state: 'warning',
    finding: expect.stringContaining('no month can be closed'),
    fix: `alter role ${owner} bypassrls`,
  })
})

it('`doctor` warns where the owner of the triggers of totals cannot read all steps', async () => {
  const owner = `${prefix}_owner`
  await database.sql(`alter table billing_records no force row level security;
    alter table audit_logs no force row level security; alter table workflow_steps force row level security;
    alter function wfstore_keep_totals() owner to ${owner}`)
  const { stdout } = await cli('doctor --json', null)
  expect(
    (JSON.parse(stdout) as { check: string }[]).find(({ check }) => check === 'row-security'),
  ).toMatchObject({
    state: 'warning',
    finding: `${owner}, the owner of the triggers of totals, cannot read all rows of workflow_steps: the totals of runs are what the application writes; with BYPASSRLS an application that connects as this role sees the rows of all users`,
    fix: `alter role ${owner} bypassrls`,
  })
})
