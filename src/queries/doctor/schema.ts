import type pg from 'pg'
import { type MigrationStatus, readStatus } from '../../db/migrate/history.ts'
import * as d from '../../db/query/decode.ts'
import { query } from '../../db/query/query.ts'
import { compareSchema, isFault } from '../../db/verify/compare.ts'
import { plural } from '../../numbers.ts'
import { type Finding, finding } from './finding.ts'
import { commandLine, type Subject } from './subject.ts'
import { enumerate, someOf } from './words.ts'

/** Checks that the schema is the one that this version of wfstore creates. */
export async function inspectSchema(client: pg.Client, subject: Subject): Promise<Finding> {
  if (subject.absent !== undefined) return inspectOtherSchemas(client, subject, subject.absent)
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
  return finding(
    'schema',
    'ok',
    `schema ${subject.schema} matches its ${plural(migrations.length, 'migration')}; the last was applied on ${last?.appliedAt?.slice(0, 10)}`,
    { details },
  )
}

/** Looks for the tables in a schema that is not in the search path, or that this role may not use. */
async function inspectOtherSchemas(
  client: pg.Client,
  subject: Subject,
  why: string,
): Promise<Finding> {
  const [other] = await query(
    client,
    `select n.nspname as name, quote_ident(n.nspname) as quoted, has_schema_privilege(n.oid, 'usage') as usable
     from pg_class c join pg_namespace n on n.oid = c.relnamespace
     where c.relname = 'workflow_executions' and c.relkind in ('r', 'p') and to_regclass('workflow_executions') is null
     order by exists (select from pg_class h where h.relnamespace = n.oid and h.relname = 'wfstore_migrations') desc, 1
     limit 1`,
    { name: d.text(), quoted: d.text(), usable: d.boolean() },
  )
  const details = { schema: null, elsewhere: other?.name ?? null }
  if (!other)
    return finding('schema', 'failed', why, { fix: subject.command('migrate up'), details })
  return other.usable
    ? finding(
        'schema',
        'failed',
        `${why} in the search path, but has one in schema ${other.name}`,
        {
          fix: commandLine('doctor', other.name),
          details,
        },
      )
    : finding(
        'schema',
        'failed',
        `the tables are in schema ${other.name}, which role ${subject.role} may not use`,
        {
          fix: `grant usage on schema ${other.quoted} to ${subject.role}; grant select on all tables in schema ${other.quoted} to ${subject.role}`,
          details,
        },
      )
}
