import type pg from 'pg'
import { type MigrationStatus, readStatus } from '../../db/migrate/history.ts'
import * as d from '../../db/query/decode.ts'
import { query } from '../../db/query/query.ts'
import { compareSchema, isFault } from '../../db/verify/compare.ts'
import { type Finding, finding } from './finding.ts'
import { commandLine, type Subject } from './subject.ts'
import { counted, enumerate, someOf } from './words.ts'

/** Is the schema the one that this version of wfstore makes? */
export async function lookAtSchema(client: pg.Client, subject: Subject): Promise<Finding> {
  if (subject.absent !== undefined) return lookElsewhere(client, subject, subject.absent)
  const migrations = await readStatus(client, subject.schema)
  const details = { schema: subject.schema, migrations }
  const named = (state: MigrationStatus['state']) =>
    migrations.filter((migration) => migration.state === state).map(({ name }) => name)
  const problem = (text: string, mend: string) =>
    finding('schema', 'problem', text, { mend, details })
  const [unknown, pending, changed] = [named('unknown'), named('pending'), named('changed')]
  if (unknown.length > 0) {
    const text = `${subject.schema} is newer than this wfstore: it has ${enumerate(unknown)}`
    return problem(text, 'npm install --global wfstore@latest')
  }
  if (pending.length > 0)
    return problem(`${subject.schema} lacks ${enumerate(pending)}`, subject.command('migrate up'))
  if (changed.length > 0) {
    const text = `${enumerate(changed)} changed after being applied to ${subject.schema}`
    return problem(text, subject.command('migrate verify'))
  }
  const differences = await compareSchema(client, subject.schema)
  // An invalid index is what the check of the indexes is for.
  const faults = differences.filter((one) => isFault(one) && one.state !== 'invalid')
  if (faults.length > 0) {
    const texts = faults.map(({ kind, name, state }) =>
      state === 'differs' ? `${kind} ${name} differs` : `${kind} ${name} is ${state}`,
    )
    return finding(
      'schema',
      'problem',
      `${subject.schema} is not what its migrations make: ${someOf(texts, texts.length)}`,
      { mend: subject.command('migrate verify'), details: { ...details, differences: faults } },
    )
  }
  const last = migrations.at(-1)
  return finding(
    'schema',
    'ok',
    `${subject.schema} has all ${counted(migrations.length, 'migration')}, the last of ${last?.appliedAt?.slice(0, 10)}, and is what they make`,
    { details },
  )
}

/** The tables may be in a schema that the search path does not name, or that this role may not use. */
async function lookElsewhere(client: pg.Client, subject: Subject, why: string): Promise<Finding> {
  const [other] = await query(
    client,
    `select n.nspname as name, quote_ident(n.nspname) as quoted, has_schema_privilege(n.oid, 'usage') as usable
     from pg_class c join pg_namespace n on n.oid = c.relnamespace
     where c.relname = 'workflow_executions' and c.relkind in ('r', 'p') and to_regclass('workflow_executions') is null
     order by exists (select from pg_class h where h.relnamespace = n.oid and h.relname = 'wfstore_migrations') desc, 1
     limit 1`,
    [],
    { name: d.text(), quoted: d.text(), usable: d.boolean() },
  )
  const details = { schema: null, elsewhere: other?.name ?? null }
  if (!other)
    return finding('schema', 'problem', why, { mend: subject.command('migrate up'), details })
  return other.usable
    ? finding('schema', 'problem', `${why}, but one in schema ${other.name}`, {
        mend: commandLine('doctor', other.name),
        details,
      })
    : finding(
        'schema',
        'problem',
        `the tables are in schema ${other.name}, which ${subject.role} may not use`,
        {
          mend: `grant usage on schema ${other.quoted} to ${subject.role}; grant select on all tables in schema ${other.quoted} to ${subject.role}`,
          details,
        },
      )
}
