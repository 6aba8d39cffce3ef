import pg from 'pg'
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest'
import { runCli } from '../../support/cli.ts'
import { startProxy } from '../../support/failpoint.ts'
import { createReplication, type Replication, type Server } from '../../support/standby.ts'

let servers: Replication
let primary: Server
let standby: Server
beforeAll(async () => {
  servers = await createReplication('replica', async (server) => {
    await runCli(['migrate', 'up', '--database-url', server.url()])
    await addRuns(server, 1, 3)
  })
  primary = servers.primary
  standby = servers.standby
})
afterAll(() => servers?.drop())
beforeEach(() => resume())

/** Runs whose cost is their number. */
const addRuns = (server: Server, from: number, to: number) =>
  server.sql(`
    insert into workflow_executions (workflow_name, user_id, mode, model_id, status, start_time, end_time, total_cost)
    select 'w', 'u', 'm', 'x', 'success', now() - interval '1 hour', now(), n from generate_series(${from}, ${to}) as n`)
/** A commit, before which all of the log reaches the standby. */
const commit = () => primary.sql("select pg_logical_emit_message(true, 'test', '')")
const pause = () => standby.sql('select pg_wal_replay_pause()')
const resume = async () => {
  await standby.sql('select pg_wal_replay_resume()')
  await commit()
  await servers.caughtUp()
}

const run = (words: string, env: Record<string, string> = {}) =>
  runCli(words.split(' '), {
    env: { DATABASE_URL: primary.url(), WFSTORE_REPORTS_URL: standby.url(), ...env },
  })
const runs = async (words = '', env = {}) => {
  const { code, stdout, stderr } = await run(`stats --json ${words}`.trim(), env)
  return { code, runs: stdout && JSON.parse(stdout).totalExecutions, stderr }
}

it('a command that only reads reads from the replica and says how far it is behind', async () => {
  const { code, stdout, stderr } = await run('cost --by mode --json')
  expect(stderr).toMatch(/^read from the replica wfstore@.*\/wfstore, \d+ s behind\n$/)
  expect([code, JSON.parse(stdout)]).toMatchObject([0, [{ mode: 'm', runs: 3, cost: 6 }]])
  const activity = await run('executions list -o csv --columns status')
  expect([activity.stdout, activity.stderr]).toEqual([
    'status\r\nsuccess\r\nsuccess\r\nsuccess\r\n',
    expect.stringContaining('read from the replica'),
  ])
})

it('a replica with a paused replay is behind: within --max-lag it answers, beyond it the primary does', async () => {
  await pause()
  await addRuns(primary, 10, 10)
  try {
    expect(await runs('--max-lag 1h')).toMatchObject({
      runs: 3,
      stderr: expect.stringMatching(/^read from the replica .*, \d+ s behind\n$/),
    })
    const expected = {
      runs: 4,
      stderr: expect.stringMatching(
        /^read from the primary: the replica \S+ is up to \d+ s behind \(its replay is paused\), more than 0ms\n$/,
      ),
    }
    expect(await runs('--max-lag 0s')).toMatchObject(expected)
    expect(await runs('', { WFSTORE_MAX_LAG: '0s' })).toMatchObject(expected)
    expect(await runs('--max-lag any', { WFSTORE_MAX_LAG: '0s' })).toMatchObject({ runs: 3 })
  } finally {
    await resume()
  }
  expect(await runs('--max-lag 0s')).toMatchObject({
    runs: 4,
    stderr: expect.stringMatching(/, 0 s behind\n$/),
  })
})

it('a replica that has replayed all that the primary has written is not behind, however old that is', async () => {
  // The bound is below the time since the last commit, as on a primary where nothing is written.
  const { stderr } = await run('stats --max-lag 0s')
  expect(stderr).toMatch(/^read from the replica \S+, 0 s behind\n/)
})

it('a replica that has lost its primary is not taken for one that has everything', async () => {
  const follower = { DATABASE_URL: primary.url() }
  await primary.kill()
  const down = await run('stats --max-lag 0s', follower)
  expect(down.code).toBe(3)
  expect(down.stderr).toMatch(
    /^read from the primary: the replica \S+ is up to \d+ s behind \(it receives nothing from the primary\), more than 0ms\nerror: /,
  )
  expect(await runs('--max-lag 1h')).toMatchObject({ runs: 4, code: 0 })
  await primary.start()
})

it('the primary answers for a replica that is not reachable or does not accept the login', async () => {
  const url = new URL(standby.url())
  url.username = 'nobody'
  const refused = await run('stats', { WFSTORE_REPORTS_URL: url.href })
  expect(refused.stderr).toMatch(
    /^read from the primary: the replica \S+ cannot be used: cannot log in as nobody@/,
  )
  const away = await run('stats', { WFSTORE_REPORTS_URL: 'postgresql://u:secret@127.0.0.1:1/wf' })
  expect(away.stderr).toMatch(
    /^read from the primary: the replica u@127.0.0.1:1\/wf cannot be used: /,
  )
  expect([refused.code, away.code]).toEqual([0, 0])
  expect(away.stderr).not.toContain('secret')
})

it('the primary answers for a replica whose schema is behind', async () => {
  await primary.sql('create database late')
  await servers.caughtUp()
  await pause()
  const env = { DATABASE_URL: primary.url('late'), WFSTORE_REPORTS_URL: standby.url('late') }
  expect((await run('migrate up', env)).code).toBe(0)
  try {
    const { code, stderr } = await run('stats --max-lag any', env)
    expect([code, stderr]).toEqual([
      0,
      expect.stringMatching(
        /^read from the primary: the replica \S+ cannot be used: this database has no wfstore schema\n/,
      ),
    ])
  } finally {
    await resume()
  }
})

it('a reports URL of a server that is no standby has no known lag: it answers only with --max-lag any', async () => {
  const env = { WFSTORE_REPORTS_URL: primary.url() }
  expect((await run('stats', env)).stderr).toMatch(
    /^read from the primary: the replica \S+ has no known lag: it is not a standby; use --max-lag any to read from it\n/,
  )
  expect((await run('stats --max-lag any', env)).stderr).toMatch(
    /^read from the replica \S+, lag not known: it is not a standby\n/,
  )
})

it('a run that the replica does not have yet is asked of the primary', async () => {
  await pause()
  try {
    await addRuns(primary, 50, 50)
    const [row] = await primary.sql(
      'select execution_id from workflow_executions where total_cost = 50',
    )
    const shown = await run(`executions show ${row?.execution_id} --json --max-lag any`)
    expect([shown.code, JSON.parse(shown.stdout).executionId]).toEqual([0, row?.execution_id])
    expect(shown.stderr).toMatch(/\nread from the primary: the replica \S+ does not have it\n$/)
    const missing = await run('executions show 00000000-0000-7000-8000-000000000000 --max-lag any')
    expect([missing.code, missing.stderr]).toEqual([
      6,
      expect.stringMatching(/does not have it\nerror: /),
    ])
    await primary.sql('delete from workflow_executions where total_cost = 50')
  } finally {
    await resume()
  }
})

it('what changes or follows reads and writes on the primary, and says nothing', async () => {
  await pause()
  try {
    const fail = await run('executions fail --older-than 1h --dry-run --json')
    const doctor = await run('doctor --json')
    const status = await run('migrate status --json')
    const zone = await run('billing zone --json')
    for (const { stderr } of [fail, doctor, status, zone]) expect(stderr).not.toContain('replica')
    const controller = new AbortController()
    const follow = await runCli(['audit', '--follow', '-o', 'jsonl'], {
      env: { DATABASE_URL: primary.url(), WFSTORE_REPORTS_URL: 'postgresql://127.0.0.1:1/wf' },
      signal: controller.signal,
      sleep: async () => controller.abort('SIGINT'),
    })
    expect([follow.code, follow.stderr]).toEqual([130, ''])
  } finally {
    await resume()
  }
})

/** A query of the command on the standby that waits for a lock of the primary. Resolves to the tables that it has locked. */
async function waiting(): Promise<string[]> {
  for (;;) {
    const rows = await standby.sql(`
      select held.relation::regclass::text as name from pg_locks held join pg_locks waits using (pid)
      join pg_class on pg_class.oid = held.relation
      where not waits.granted and held.granted and relkind = 'r' and relname !~ '^pg_'`)
    if (rows.length > 0) return rows.map(({ name }) => name as string)
  }
}

/** Runs a command on the standby that is cancelled by a conflict, a number of times. */
async function withConflicts(
  count: number,
): Promise<{ stdout: string; stderr: string; code: number }> {
  const client = new pg.Client({ connectionString: primary.url() })
  await client.connect()
  try {
    await client.query('begin; lock table usage_history in access exclusive mode')
    await commit()
    await servers.caughtUp()
    const running = run('cost --by mode --json')
    for (let conflict = 0; conflict < count; conflict++) {
      const [table] = await waiting()
      // The standby replays the lock, and cancels the query that has the table.
      await client.query(
        `savepoint one; lock table ${table} in access exclusive mode; rollback to one`,
      )
      await commit()
      await servers.caughtUp()
    }
    await client.query('rollback')
    return await running
  } finally {
    await client.end()
  }
}

it('a query that the replica cancels for a conflict is repeated there', async () => {
  const { code, stdout, stderr } = await withConflicts(1)
  expect(stderr).toMatch(
    /^read from the replica .*\nthe replica \S+ has cancelled the query; repeating it\nread from the replica \S+, \d+ s behind\n$/,
  )
  expect([code, JSON.parse(stdout)]).toMatchObject([0, [{ mode: 'm' }]])
})

it('a query that the replica cancels twice is asked of the primary', async () => {
  const { code, stdout, stderr } = await withConflicts(2)
  expect(stderr.split('\n').at(-2)).toMatch(
    /^read from the primary: the replica \S+ has cancelled the query twice$/,
  )
  expect([code, JSON.parse(stdout)]).toMatchObject([0, [{ mode: 'm' }]])
})

it('a replica that is lost before anything is printed: the primary answers; after that it is an error', async () => {
  await addRuns(primary, 100, 2099)
  await servers.caughtUp()
  let lists = 0
  let cutAt = 1
  const proxy = await startProxy(standby.url(), {
    before: async ({ text }) => {
      if (/^fetch/.test(text)) lists++
      return lists === cutAt ? 'cut' : undefined
    },
  })
  try {
    const env = { WFSTORE_REPORTS_URL: proxy.url }
    const first = await run('executions list -o name', env)
    expect([first.code, first.stdout.split('\n').length]).toEqual([0, 2005])
    expect(first.stderr.split('\n').at(-2)).toMatch(
      /^read from the primary: the replica \S+ is lost$/,
    )
    lists = 0
    cutAt = 2
    const second = await run('executions list -o name', env)
    expect(second.stdout).not.toBe('')
    expect([second.code, second.stderr.split('\n').at(-2)]).toEqual([
      3,
      expect.stringMatching(/^error: lost the connection to the database/),
    ])
  } finally {
    await proxy.close()
  }
})

it('a standby that was promoted is no replica any more: the primary answers', async () => {
  await standby.sql('select pg_promote()')
  await addRuns(standby, 1, 1)
  const { runs: found, stderr } = await runs()
  expect([found, stderr]).toEqual([
    2004,
    expect.stringMatching(/has no known lag: it is not a standby/),
  ])
})
