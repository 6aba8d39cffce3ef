import type pg from 'pg'
import { describeReturned, readReturned } from '../../db/adopt/returned.ts'
import { elsewhere, readHomes } from '../../db/homes.ts'
import { type MigrationStatus, readStatus } from '../../db/migrate/history.ts'
import * as d from '../../db/query/decode.ts'
import { query } from '../../db/query/query.ts'
import { sql } from '../../db/query/sql.ts'
import { compareSchema, isFault } from '../../db/verify/compare.ts'
import { formatNumber, plural } from '../../numbers.ts'
import { type DoctorFinding, finding } from './finding.ts'
import { commandLine, type Subject } from './subject.ts'
import { enumerate, someOf } from './words.ts'

/** Checks that the schema is the one that this version of wfstore creates. */
export async function inspectSchema(client: pg.Client, subject: Subject): Promise<DoctorFinding> {
  if (subject.absent !== undefined) return inspectOtherSchemas(client, subject, subject.absent)
  if (subject.captured !== undefined) return inspectCaptured(subject, subject.captured)
  const migrations = await readStatus(client, subject.schema)
  const details = { schema: subject.schema, migrations }
  const named = (state: MigrationStatus['state']) =>
    migrations.filter((migration) => migration.state === state).map(({ name }) => name)
  const problem = (text: string, fix: string) => finding('schema', 'failed', text, { fix, details })
  const [unknown, pending, changed] = [named('unknown'), named('pending'), named('changed')]
  if (unknown.length > 0) {
    const text = `schema ${subject.schema} is newer than this version of wfstore: it has ${enumerate(unknown)}`
    return problem(text, 'npm install --global wfstore@latest')
  }
  if (pending.length > 0)
    return problem(
      `pending migrations in schema ${subject.schema}: ${enumerate(pending)}`,
      subject.command('migrate up'),
    )
  if (changed.length > 0) {
    const text = `migrations changed after they were applied to schema ${subject.schema}: ${enumerate(changed)}`
    return problem(text, subject.command('migrate verify'))
  }
  const differences = await compareSchema(client, subject.schema)
  // The check "indexes" reports invalid indexes.
  const faults = differences.filter((one) => isFault(one) && one.state !== 'invalid')
  const returned = await readReturned(client, subject.schema)
  const isReturned = ({ name }: { name: string }) =>
    returned.some((object) => [object.name, `${object.tableName}.${object.name}`].includes(name))
  if (returned.length > 0 && faults.every(isReturned)) {
    const texts = returned.map(describeReturned)
    return finding(
      'schema',
      faults.length > 0 ? 'failed' : 'warning',
      `the set-up of the old application ran again on schema ${subject.schema}: ${someOf(texts, texts.length)}`,
      { fix: subject.command('migrate up'), details: { ...details, returned } },
    )
  }
  if (faults.length > 0) {
    const texts = faults.map(({ kind, name, state }) =>
      state === 'differs' ? `${kind} ${name} differs` : `${kind} ${name} is ${state}`,
    )
    return finding(
      'schema',
      'failed',
      `schema ${subject.schema} differs from its migrations: ${someOf(texts, texts.length)}`,
      { fix: subject.command('migrate verify'), details: { ...details, differences: faults } },
    )
  }
  const last = migrations.at(-1)
  const texts = [
    `schema ${subject.schema} matches its ${plural(migrations.length, 'migration')}; the last was applied on ${last?.appliedAt?.slice(0, 10)}`,
    ...(await silenceOf(client, migrations)),
  ]
  return finding('schema', 'ok', texts.join('; '), { details })
}

const inspectCaptured = (subject: Subject, why: string): DoctorFinding =>
  finding('schema', 'failed', `${why}; nothing that reads the tables was checked`, {
    fix: `drop these objects; revoke create on schema ${subject.quotedSchema} from public`,
    details: { schema: subject.schema },
  })

/** After this time without a write, the old application is probably gone. */
const SILENT_DAYS = 30

/** A hint if the old application has not written for a long time. */
async function silenceOf(client: pg.Client, migrations: MigrationStatus[]): Promise<string[]> {
  const seen = migrations.find(({ adoptedAt }) => adoptedAt !== null)?.oldApplicationSeenAt ?? null
  if (seen === null) return []
  const [row] = await query(
    client,
    sql`select floor(extract(epoch from now() - ${seen}::timestamptz) / 86400) as days`,
    { days: d.count() },
  )
  const days = row?.days ?? 0
  return days < SILENT_DAYS
    ? []
    : [
        `the old application was last seen writing ${formatNumber(days)} days ago, on ${seen.slice(0, 10)}; what only that application needs can be removed`,
      ]
}

/** Looks for the tables in a schema that is not in the search path, or that this role may not use. */
async function inspectOtherSchemas(
  client: pg.Client,
  subject: Subject,
  why: string,
): Promise<DoctorFinding> {
  const [other] = await readHomes(client)
  const details = { schema: null, elsewhere: other?.schema ?? null }
  const problem = (text: string, fix: string) => finding('schema', 'failed', text, { fix, details })
  if (!other) return problem(why, subject.command('migrate up'))
  const { schema, quoted, usable, adopted } = other
  if (usable)
    return problem(elsewhere(other), commandLine(adopted ? 'doctor' : 'migrate up', schema))
  return problem(
    `the tables are in schema ${schema}, which role ${subject.role} may not use`,
    `grant usage on schema ${quoted} to ${subject.role}; grant select on all tables in schema ${quoted} to ${subject.role}`,
  )
}
