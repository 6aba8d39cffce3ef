import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest'
import type { DoctorFinding } from '../../../src/queries/doctor/doctor.ts'
import { runCli } from '../../support/cli.ts'
import { createMigrated } from '../../support/migrated.ts'
import { createReplication, type Replication, type Server } from '../../support/standby.ts'

let servers: Replication
let primary: Server
let standby: Server
beforeAll(async () => {
  servers = await createReplication('doctor', async (server) => {
    await runCli(['migrate', 'up', '--database-url', server.url()])
    await server.sql('create database copy template wfstore')
    await server.sql('create role reader login')
    await server.sql('grant select on all tables in schema public to reader')
  })
  primary = servers.primary
  standby = servers.standby
})
afterAll(() => servers?.drop())
/** A commit, before which all of the log reaches the standby. */
const commit = () => primary.sql("select pg_logical_emit_message(true, 'test', '')")
beforeEach(async () => {
  await commit()
  await servers.caughtUp()
})

/** The finding of the check, and how the command ends. */
async function doctor(words = '', env: Record<string, string> = {}) {
  const { code, stdout, stderr } = await runCli(
    ['doctor', '--json', ...words.split(' ')].filter(Boolean),
    {
      env: { DATABASE_URL: primary.url(), WFSTORE_REPORTS_URL: standby.url(), ...env },
    },
  )
  const findings: (Omit<DoctorFinding, 'details'> & { details: object })[] = JSON.parse(stdout)
  const [found, ...others] = findings.filter(({ check }) => check === 'replica')
  expect(others).toEqual([])
  return { code, stderr, ...(found as (typeof findings)[0]) }
}

it('a standby that has replayed everything answers reports, 0 s behind', async () => {
  expect(await doctor()).toMatchObject({
    ...{ code: 0, state: 'ok', fix: null, stderr: expect.not.stringContaining('replica') },
    finding: expect.stringMatching(
      /^the replica wfstore@\S+\/wfstore answers reports, 0 s behind$/,
    ),
    details: { maxLagMs: 30_000, lagMs: 0, isStandby: true, isOfThisDatabase: true },
  })
})

it('without a replica there is no check', async () => {
  expect((await doctor('', { WFSTORE_REPORTS_URL: '' })).check).toBe(undefined)
})

it('a lag above --max-lag is a warning with its cause, and the fix works on the replica', async () => {
  await standby.sql('select pg_wal_replay_pause()')
  await commit()
  const found = await doctor('--max-lag 0s')
  expect(found).toMatchObject({
    ...{ code: 0, state: 'warning', stderr: expect.stringContaining('replica') },
    finding: expect.stringMatching(
      /^the replica \S+ is up to \d+ s behind \(its replay is paused\), more than 0ms; the primary answers reports$/,
    ),
    details: { maxLagMs: 0, lagMs: expect.any(Number), isOfThisDatabase: true },
  })
  expect(await doctor('--max-lag 1h')).toMatchObject({
    state: 'ok',
    finding: expect.stringMatching(/ answers reports, \d+ s behind$/),
  })
  await standby.sql(found.fix as string)
  await servers.caughtUp()
  expect(await doctor('--max-lag 0s')).toMatchObject({ state: 'ok' })
})

it('a replica that cannot be reached is a warning without its password', async () => {
  const url = 'postgresql://u:hunter2-s3cret@127.0.0.1:1/d'
  const found = await doctor('', { WFSTORE_REPORTS_URL: url })
  expect(found).toMatchObject({
    ...{ code: 0, state: 'warning' },
    finding: expect.stringMatching(
      /^the replica u@127.0.0.1:1\/d cannot be used: cannot reach .*; the primary answers reports$/,
    ),
    fix: 'check that the server is running and that WFSTORE_REPORTS_URL is right',
    details: { lagMs: null, isStandby: null },
  })
  expect(JSON.stringify(found)).not.toContain('hunter2')
  expect((await doctor('--exit-code', { WFSTORE_REPORTS_URL: url })).code).toBe(1)
})

it('a standby of another cluster, or another database, fails: its reports would be about other rows', async () => {
  const other = await createMigrated('doctor_replica')
  expect(await doctor('', { DATABASE_URL: other.url })).toMatchObject({
    ...{ code: 1, state: 'failed' },
    finding: expect.stringMatching(
      /^the replica \S+ is not one of this database: its system identifier is \d+, that of the primary \d+$/,
    ),
    fix: 'set the URL for reports to that of a standby of this database',
    details: { isStandby: true, isOfThisDatabase: false },
  })
  await other.drop()
  expect(await doctor('', { WFSTORE_REPORTS_URL: standby.url('copy') })).toMatchObject({
    state: 'failed',
    finding: expect.stringMatching(/: its database is copy, that of the primary wfstore$/),
  })
})

it('a server that is no standby is a warning, except with --max-lag any', async () => {
  const env = { WFSTORE_REPORTS_URL: primary.url('copy') }
  expect(await doctor('', env)).toMatchObject({
    state: 'warning',
    finding: expect.stringContaining('has no known lag: it is not a standby; '),
    details: { lagMs: null, isStandby: false, isOfThisDatabase: null },
  })
  expect(await doctor('--max-lag any', env)).toMatchObject({
    state: 'ok',
    finding: expect.stringMatching(/ answers reports, lag not known: it is not a standby$/),
    details: { maxLagMs: null },
  })
})

it('a replica without the schema of this version is a warning', async () => {
  await primary.sql('create database late')
  await servers.caughtUp()
  await standby.sql('select pg_wal_replay_pause()')
  const env = { DATABASE_URL: primary.url('late'), WFSTORE_REPORTS_URL: standby.url('late') }
  await runCli(['migrate', 'up'], { env })
  expect(await doctor('', env)).toMatchObject({
    ...{ state: 'warning', fix: null },
    finding: expect.stringContaining('cannot be used: this database has no wfstore schema; '),
  })
  await standby.sql('select pg_wal_replay_resume()')
})

it('a role that may not read the system identifier learns the lag, and that nothing was compared', async () => {
  await primary.sql('revoke execute on function pg_control_system() from public')
  await commit()
  await servers.caughtUp()
  const as = (server: Server) => server.url().replace('wfstore@', 'reader@')
  const env = { DATABASE_URL: as(primary), WFSTORE_REPORTS_URL: as(standby) }
  expect(await doctor('--max-lag 1h', env)).toMatchObject({
    state: 'ok',
    finding: expect.stringMatching(
      / answers reports, \d+ s behind; whether it is one of this database is not known$/,
    ),
    details: { isStandby: true, isOfThisDatabase: null },
  })
  await primary.sql('grant execute on function pg_control_system() to public')
})
