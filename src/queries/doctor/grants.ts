import { type ForeignGrant, foreignGrants, sharedGrants } from '../../db/migrate/grants.ts'
import type { Queryable } from '../../db/query/connection.ts'
import * as d from '../../db/query/decode.ts'
import { query } from '../../db/query/query.ts'
import { sql } from '../../db/query/sql.ts'
import { type DoctorFinding, finding } from './finding.ts'
import type { Subject } from './subject.ts'
import { enumerate, someOf } from './words.ts'

/** Roles that stand for every client: PUBLIC, and the role of hosted PostgreSQL for requests without a sign-in. */
const OPEN_ROLES = ['public', 'anon']

/**
 * Checks what other roles may do by default. On the tables that only wfstore has, no role needs this. On those of the
 * application it may be how the application works, so only a role that every client has is a warning, where row security
 * does not protect the rows.
 */
export async function inspectGrants(database: Queryable, subject: Subject): Promise<DoctorFinding> {
  const { schema } = subject
  const own = await foreignGrants(database, schema)
  const shared = await sharedGrants(database, schema)
  const open = shared.filter(({ grantee }) => OPEN_ROLES.includes(grantee))
  const bare = open.length > 0 ? await withoutRowSecurity(database, open, schema) : []
  const listed = (grants: ForeignGrant[]) =>
    grants.map(({ name, grantee, privileges }) => ({ name, grantee, privileges }))
  const details = { own: listed(own), application: listed(shared) }
  const found = own.length > 0 ? own : bare
  if (found.length === 0) {
    const text = 'no role has a privilege by default on the tables of wfstore'
    return finding('grants', 'ok', text, { details })
  }
  const roles = [...new Set(found.map(({ grantee }) => grantee))]
  const texts = roles.flatMap((role) => {
    const of = found.filter(({ grantee }) => grantee === role)
    const may = of.some(({ writes }) => writes) ? 'read and write' : 'read'
    return `${role} may ${may} ${someNames(of)}`
  })
  const state = own.some(({ writes }) => writes) ? 'failed' : 'warning'
  const rest = own.length > 0 ? '' : ' without row security, unless the application needs it'
  return finding('grants', state, `by default ${someOf(texts, texts.length)}${rest}`, {
    fix: fixOf(found, subject.quotedSchema),
    details,
  })
}

const someNames = (grants: ForeignGrant[]): string => {
  const names = grants.map(({ name }) => name)
  return names.length > 3
    ? `${names.slice(0, 2).join(', ')} and ${names.length - 2} more`
    : enumerate(names)
}

/** One statement for each kind of object. */
function fixOf(grants: ForeignGrant[], schema: string): string {
  const unique = (texts: string[]) => [...new Set(texts)].join(', ')
  const kinds = [...new Set(grants.map(({ kind }) => kind))]
  return kinds
    .map((kind) => {
      const of = grants.filter((grant) => grant.kind === kind)
      const objects = of.map(({ name }) => `${schema}.${name}${kind === 'function' ? '()' : ''}`)
      return `revoke all on ${kind} ${unique(objects)} from ${unique(of.map(({ grantee }) => grantee))} cascade`
    })
    .join('; ')
}

async function withoutRowSecurity(
  database: Queryable,
  grants: ForeignGrant[],
  schema: string,
): Promise<ForeignGrant[]> {
  const rows = await query(
    database,
    sql`select relname as name from pg_class
     where relnamespace = (select oid from pg_namespace where nspname = ${schema}) and relkind in ('r', 'p') and not relrowsecurity`,
    { name: d.text() },
  )
  const names = rows.map(({ name }) => name)
  return grants.filter(({ name }) => names.includes(name))
}
