import type pg from 'pg'
import * as d from '../../db/query/decode.ts'
import { sqlStateOf } from '../../db/query/errors.ts'
import { query, runOn } from '../../db/query/query.ts'
import { openSession, type Session } from '../../db/query/session.ts'
import { rollback, run } from '../../db/query/transaction.ts'
import { type Lag, NO_STANDBY, PAUSED, readLag } from '../../db/replica/lag.ts'
import { lagText, refusalOf, unusable } from '../../db/replica/words.ts'
import { checkSchema } from '../../db/schema.ts'
import { WfstoreError } from '../../error.ts'
import { type DoctorFinding, finding, type State } from './finding.ts'
import { beginWithin, type ExaminedReplica, type Subject } from './subject.ts'

const PRIMARY = '; the primary answers reports'
const SET_URL = 'set the URL for reports to that of a standby of this database'

/** Says whether the replica answers reports, and whether it is one of this database. */
export async function inspectReplica(client: pg.Client, subject: Subject): Promise<DoctorFinding> {
  const { replica, label, maxLagMs } = subject.replica as ExaminedReplica
  const bound = { replica: label, maxLagMs: Number.isFinite(maxLagMs) ? maxLagMs : null }
  const found = (state: State, text: string, fix: string | null = null, more: object = NOTHING) =>
    finding('replica', state, `the replica ${label} ${text}`, {
      fix,
      details: { ...bound, ...more },
    })
  let session: Session | undefined
  let isBroken = false
  try {
    session = await openSession(replica)
    const other = session.client as pg.Client
    await run(other, beginWithin(subject))
    const primary = await placeOf(client)
    // The bound is 0, so that the primary is asked: the time since the last commit is only the most that can be missing.
    const lag = await readLag(runOn(other), 0, async () => runOn(client))
    await checkSchema(other)
    const standby = await placeOf(other)
    const isStandby = lag !== NO_STANDBY
    const compared = isStandby && primary && standby && { primary, standby }
    const wrong = compared && PLACES.find((name) => primary[name] !== standby[name])
    const lagMs = 'ms' in lag ? Math.ceil(lag.ms) : null
    const details = { lagMs, isStandby, isOfThisDatabase: compared ? !wrong : null }
    if (wrong) {
      const text = `is not one of this database: its ${wrong} is ${standby[wrong]}, that of the primary ${primary[wrong]}`
      return found('failed', text, SET_URL, details)
    }
    const refusal = refusalOf(lag, maxLagMs)
    if (refusal !== undefined) return found('warning', `${refusal}${PRIMARY}`, fixOf(lag), details)
    const rest = isStandby && !compared ? '; whether it is one of this database is not known' : ''
    return found('ok', `answers reports, ${lagText(lag)}${rest}`, null, details)
  } catch (error) {
    isBroken = sqlStateOf(error) === undefined
    const isSchema = error instanceof WfstoreError && error.code.startsWith('schema_')
    const hint = error instanceof WfstoreError && !isSchema ? error.hint : null
    return found('warning', `${unusable(error)}${PRIMARY}`, hint)
  } finally {
    if (session) await rollback(session.client as pg.Client)
    session?.release(isBroken)
  }
}

const NOTHING = { lagMs: null, isStandby: null, isOfThisDatabase: null }

/** What a standby has in common with its primary. */
const PLACES = ['system identifier', 'database', 'schema'] as const

/** Undefined if the role may not read it. */
async function placeOf(
  client: pg.Client,
): Promise<Record<(typeof PLACES)[number], string> | undefined> {
  const [row] = await query(
    client,
    `select system_identifier as system, current_database() as database, n.nspname as schema
     from pg_control_system(), pg_class c join pg_namespace n on n.oid = c.relnamespace
     where c.oid = to_regclass('workflow_executions')`,
    { system: d.text(), database: d.text(), schema: d.text() },
  ).catch(() => [])
  if (!row) return undefined
  const { system, database, schema } = row
  return { 'system identifier': system, database, schema }
}

function fixOf(lag: Lag): string | null {
  if ('unknown' in lag) return lag === NO_STANDBY ? SET_URL : null
  return lag.because === PAUSED ? 'select pg_wal_replay_resume() -- on the replica' : null
}
