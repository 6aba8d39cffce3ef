import type { Queryable } from '../../db/query/connection.ts'
import * as d from '../../db/query/decode.ts'
import { query } from '../../db/query/query.ts'
import { sql } from '../../db/query/sql.ts'
import { type Finding, finding } from './finding.ts'
import { ourTables, type Subject } from './subject.ts'
import { enumerate } from './words.ts'

/** The tables that the triggers of bills and periods read, as the owner of their functions. */
const COUNTED = ['billing_records', 'wfstore_periods', 'wfstore_settings']

/**
 * Checks that policies hide no rows: from this role, for its reports, and from the owner of the triggers, which count the
 * bills of a month.
 */
export async function inspectRowSecurity(database: Queryable, subject: Subject): Promise<Finding> {
  const { role } = subject
  const tables = await query(
    database,
    sql`select relname as table, quote_ident(o.rolname) as owner, row_security_active(ours.oid) as hidden,
      ours.relname = any(${COUNTED}::text[]) and not (o.rolsuper or o.rolbypassrls)
        and (relforcerowsecurity or not pg_has_role(o.oid, relowner, 'usage')) as refuses_trigger,
      (select count(*) from pg_policy where polrelid = ours.oid) as policies
     from ${ourTables(subject)} ours
     left join pg_proc p on p.proname = 'wfstore_close_period' and p.pronamespace = ours.relnamespace
     join pg_roles o on o.oid = coalesce(p.proowner, relowner) where relrowsecurity order by relname`,
    {
      table: d.text(),
      owner: d.text(),
      hidden: d.boolean(),
      refusesTrigger: d.boolean(),
      policies: d.count(),
    },
  )
  const details = { role, tables }
  const names = (some: typeof tables) => enumerate(some.map(({ table }) => table))
  const hidden = tables.filter((one) => one.hidden)
  if (hidden.length > 0)
    return finding(
      'row-security',
      'failed',
      `row security hides rows of ${names(hidden)} from role ${role}, so reports and jobs refuse to run`,
      { fix: `alter role ${role} bypassrls`, details },
    )
  const refused = tables.filter((one) => one.refusesTrigger)
  if (refused.length > 0) {
    const owners = [...new Set(refused.map(({ owner }) => owner))]
    return finding(
      'row-security',
      'warning',
      `row security of ${names(refused)} applies to ${enumerate(owners)} too, the owner of the triggers: no month can be closed`,
      {
        fix: owners.map((owner) => `alter role ${owner} bypassrls`).join('; '),
        details,
      },
    )
  }
  const text =
    tables.length === 0
      ? 'no table has row security'
      : `${names(tables)} ${tables.length === 1 ? 'has' : 'have'} row security; role ${role} sees all rows`
  return finding('row-security', 'ok', text, { details })
}
