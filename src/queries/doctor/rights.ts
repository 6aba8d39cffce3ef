import type { Queryable } from '../../db/query/connection.ts'
import * as d from '../../db/query/decode.ts'
import { query } from '../../db/query/query.ts'
import { sql } from '../../db/query/sql.ts'
import { type DoctorFinding, finding } from './finding.ts'
import { ourTables, type Subject } from './subject.ts'
import { enumerate } from './words.ts'

/** The table of which a role with the grants of an earlier version may not write the rows. */
const LINES = 'wfstore_bill_lines'

type Needs = Record<string, string[]>

/** The privileges beyond SELECT that each group of commands needs, by table. */
const GROUPS: { name: string; verb: string; needs: Needs }[] = [
  {
    name: 'record',
    verb: 'record',
    needs: {
      workflow_executions: ['insert', 'update'],
      workflow_steps: ['insert', 'update'],
      audit_logs: ['insert'],
      observability_metrics: ['insert'],
      billing_records: ['insert', 'update'],
      [LINES]: ['insert', 'update'],
    },
  },
  {
    name: 'ingest',
    verb: 'receive traces',
    needs: {
      workflow_steps: ['delete'],
      wfstore_traces: ['insert', 'update', 'delete'],
      wfstore_spans: ['insert', 'update', 'delete'],
    },
  },
  { name: 'pay', verb: 'mark bills as paid', needs: { billing_records: ['update'] } },
  {
    name: 'cleanup',
    verb: 'clean up',
    needs: {
      workflow_executions: ['delete'],
      audit_logs: ['delete'],
      observability_metrics: ['delete'],
      usage_history: ['insert', 'delete'],
      audit_history: ['insert', 'delete'],
      wfstore_cleanups: ['insert', 'update'],
    },
  },
]

/** Checks what the role of this connection may do. Only a missing SELECT fails: many roles are read-only on purpose. */
export async function inspectRights(database: Queryable, subject: Subject): Promise<DoctorFinding> {
  const { role, schema, quotedSchema, tables } = subject
  const wanted = [
    ...tables.map((table) => ({ group: 'read', table, privilege: 'select' })),
    ...GROUPS.flatMap(({ name, needs }) =>
      Object.entries(needs).flatMap(([table, privileges]) =>
        privileges.map((privilege) => ({ group: name, table, privilege })),
      ),
    ),
  ]
  const lacking = await query(
    database,
    sql`select w."group", w.privilege, ours.qualified as table
     from json_to_recordset(${JSON.stringify(wanted)}) as w ("group" text, "table" text, privilege text)
     join ${ourTables(subject)} ours on ours.relname = w."table"
     where not has_table_privilege(ours.oid, w.privilege) order by 1, 2, 3`,
    { group: d.text(), privilege: d.text(), table: d.text() },
  )
  const [owner] = await query(
    database,
    sql`select has_schema_privilege(oid, 'usage') as usage,
            has_schema_privilege(oid, 'create') and not exists (
              select from ${ourTables(subject)} ours where not pg_has_role(ours.relowner, 'usage')) as migrate
     from pg_namespace where nspname = ${schema}`,
    { usage: d.boolean(), migrate: d.boolean() },
  )
  const lacks = (group: string) => lacking.filter((row) => row.group === group)
  const migrate = owner?.migrate === true
  const grants = Object.fromEntries(
    GROUPS.map(({ name }) => [name, grantOf(lacks(name), role)]).filter(([, grant]) => grant),
  )
  const details = {
    role,
    read: lacks('read').length === 0,
    ...Object.fromEntries(GROUPS.map(({ name }) => [name, lacks(name).length === 0])),
    migrate,
    grants,
  }
  const unreadable = lacks('read').map(({ table }) => table)
  if (unreadable.length > 0 || owner?.usage === false) {
    return finding('rights', 'failed', `role ${role} may not read ${enumerate(unreadable)}`, {
      fix: `grant usage on schema ${quotedSchema} to ${role}; grant select on all tables in schema ${quotedSchema} to ${role}`,
      details,
    })
  }
  const missing = lacks('record')
  // A trigger writes the lines for other clients, but wfstore writes its own.
  if (missing.length > 0 && missing.every(({ table }) => table.endsWith(`.${LINES}`)))
    return finding(
      'rights',
      'warning',
      `role ${role} may write bills, but not their lines: wfstore cannot record with it`,
      { fix: grantOf(missing, role), details },
    )
  const verbs = [
    { verb: 'read', may: true },
    ...GROUPS.map(({ name, verb }) => ({ verb, may: lacks(name).length === 0 })),
    { verb: 'migrate', may: migrate },
  ]
  const may = enumerate(verbs.filter((one) => one.may).map(({ verb }) => verb))
  const mayNot = enumerate(
    verbs.filter((one) => !one.may).map(({ verb }) => verb),
    'or',
  )
  return finding('rights', 'ok', `role ${role} may ${may}${mayNot && `, but not ${mayNot}`}`, {
    details,
  })
}

/** One GRANT for each set of tables that lack the same privileges. */
function grantOf(rows: { privilege: string; table: string }[], role: string): string {
  const tables = new Map<string, string[]>()
  for (const { table } of rows) {
    const privileges = rows.filter((row) => row.table === table).map((row) => row.privilege)
    const key = privileges.join(', ')
    tables.set(key, [...new Set([...(tables.get(key) ?? []), table])])
  }
  return [...tables]
    .map(([privileges, names]) => `grant ${privileges} on ${names.join(', ')} to ${role}`)
    .join('; ')
}
