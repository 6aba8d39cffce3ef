import type { Queryable } from '../../db/query/connection.ts'
import * as d from '../../db/query/decode.ts'
import { query } from '../../db/query/query.ts'
import { sql } from '../../db/query/sql.ts'
import { type Finding, finding } from './finding.ts'
import { ourTables, type Subject } from './subject.ts'
import { enumerate } from './words.ts'

/**
 * Checks that policies hide no rows: from this role, for its reports, and from the owner of the tables, as which the triggers
 * count the bills of a month.
 */
export async function inspectRowSecurity(database: Queryable, subject: Subject): Promise<Finding> {
  const { role } = subject
  const tables = await query(
    database,
    sql`select relname as table, qualified, quote_ident(o.rolname) as owner, row_security_active(ours.oid) as hidden,
      relforcerowsecurity and not (o.rolsuper or o.rolbypassrls) as refuses_owner,
      (select count(*) from pg_policy where polrelid = ours.oid) as policies
     from ${ourTables(subject)} ours join pg_roles o on o.oid = relowner where relrowsecurity order by relname`,
    {
      table: d.text(),
      qualified: d.text(),
      owner: d.text(),
      hidden: d.boolean(),
      refusesOwner: d.boolean(),
      policies: d.count(),
    },
  )
  const details = {
    role,
    tables: tables.map(({ qualified, ...rest }) => rest),
  }
  const names = (some: typeof tables) => enumerate(some.map(({ table }) => table))
  const hidden = tables.filter((one) => one.hidden)
  if (hidden.length > 0)
    return finding(
      'row-security',
      'failed',
      `row security hides rows of ${names(hidden)} from role ${role}, so reports and jobs refuse to run`,
      { fix: `alter role ${role} bypassrls`, details },
    )
  const refused = tables.filter((one) => one.refusesOwner)
  if (refused.length > 0) {
    const owners = [...new Set(refused.map(({ owner }) => owner))]
    return finding(
      'row-security',
      'warning',
      `row security of ${names(refused)} applies to the owner too (${enumerate(owners)}): no month can be closed`,
      {
        fix: refused
          .map(({ qualified }) => `alter table ${qualified} no force row level security`)
          .join('; '),
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
