import type { Queryable } from '../../db/query/connection.ts'
import * as d from '../../db/query/decode.ts'
import { query } from '../../db/query/query.ts'
import { raw, sql } from '../../db/query/sql.ts'
import { type DoctorFinding, finding } from './finding.ts'
import { ourTables, type Subject } from './subject.ts'
import { enumerate } from './words.ts'

/** The tables that the triggers of periods read, as the owner of their functions. */
const COUNTED = ['billing_records', 'wfstore_periods', 'wfstore_settings']
/** The tables that the triggers of totals read, as the owner of their functions. */
const TOTALLED = ['workflow_executions', 'workflow_steps', 'billing_records']

/** What BYPASSRLS means for an application that connects as the owner. */
const ENDS_ISOLATION =
  '; with BYPASSRLS an application that connects as this role sees the rows of all users'

/**
 * Checks that policies hide no rows: from this role, for its reports, and from the owners of the triggers, which count the
 * bills of a month and the steps of a run.
 */
export async function inspectRowSecurity(
  database: Queryable,
  subject: Subject,
): Promise<DoctorFinding> {
  const { role } = subject
  const hides = (
    owner: string,
  ) => sql`(relrowsecurity and not (${raw(owner)}.rolsuper or ${raw(owner)}.rolbypassrls)
    and (relforcerowsecurity or not pg_has_role(${raw(owner)}.oid, relowner, 'usage')))`
  const tables = await query(
    database,
    sql`select relname as table, quote_ident(o.rolname) as owner, quote_ident(t.rolname) as totals_owner,
      relrowsecurity as secured, row_security_active(ours.oid) as hidden,
      ours.relname = any(${COUNTED}::text[]) and ${hides('o')} as refuses_trigger,
      ours.relname = any(${TOTALLED}::text[]) and (not has_table_privilege(t.oid, ours.oid, 'select') or ${hides('t')}) as stops_totals,
      (select count(*) from pg_policy where polrelid = ours.oid) as policies
     from ${ourTables(subject)} ours
     left join pg_proc p on p.proname = 'wfstore_close_period' and p.pronamespace = ours.relnamespace
     left join pg_proc k on k.proname = 'wfstore_keep_totals' and k.pronamespace = ours.relnamespace
     join pg_roles o on o.oid = coalesce(p.proowner, relowner)
     join pg_roles t on t.oid = coalesce(k.proowner, relowner) order by relname`,
    {
      table: d.text(),
      owner: d.text(),
      totalsOwner: d.text(),
      secured: d.boolean(),
      hidden: d.boolean(),
      refusesTrigger: d.boolean(),
      stopsTotals: d.boolean(),
      policies: d.count(),
    },
  )
  const secured = tables.filter((one) => one.secured)
  const details = { role, tables: secured }
  const names = (some: typeof tables) => enumerate(some.map(({ table }) => table))
  const hidden = secured.filter((one) => one.hidden)
  if (hidden.length > 0)
    return finding(
      'row-security',
      'failed',
      `row security hides rows of ${names(hidden)} from role ${role}, so reports and jobs refuse to run`,
      { fix: `alter role ${role} bypassrls`, details },
    )
  const refused = tables.filter((one) => one.refusesTrigger)
  const uncounted = tables.filter((one) => one.stopsTotals)
  if (refused.length + uncounted.length > 0) {
    const effects = [
      ...(refused.length > 0
        ? [
            `row security of ${names(refused)} applies to ${enumerate(unique(refused.map(({ owner }) => owner)))} too, the owner of the triggers: no month can be closed`,
          ]
        : []),
      ...(uncounted.length > 0
        ? [
            `${enumerate(unique(uncounted.map(({ totalsOwner }) => totalsOwner)))}, the owner of the triggers of totals, cannot read all rows of ${names(uncounted)}: the totals of runs are what the application writes`,
          ]
        : []),
    ]
    const fixes = [
      ...refused.map(({ owner }) => `alter role ${owner} bypassrls`),
      ...uncounted.map(({ totalsOwner, table, secured }) =>
        secured
          ? `alter role ${totalsOwner} bypassrls`
          : `grant select on ${subject.quotedSchema}.${table} to ${totalsOwner}`,
      ),
    ]
    // A grant of SELECT alone changes nothing for the policies.
    const warns = fixes.some((fix) => fix.endsWith(' bypassrls'))
    return finding('row-security', 'warning', effects.join('; ') + (warns ? ENDS_ISOLATION : ''), {
      fix: unique(fixes).join('; '),
      details,
    })
  }
  const text =
    secured.length === 0
      ? 'no table has row security'
      : `${names(secured)} ${secured.length === 1 ? 'has' : 'have'} row security; role ${role} sees all rows`
  return finding('row-security', 'ok', text, { details })
}

const unique = (words: readonly string[]): string[] => [...new Set(words)]
