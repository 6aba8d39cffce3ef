import * as d from '../../db/query/decode.ts'
import type { Run } from '../../db/query/query.ts'
import { raw, sql } from '../../db/query/sql.ts'
import type { TokenRight } from './tokens.ts'

const usableShape = {
  name: d.text(),
  can: d.word<TokenRight>(),
  hash: d.text(),
  /** Null if it does not expire. */
  msLeft: d.nullable(
    d.number('least(extract(epoch from t.expires_at - now()) * 1000, 1e14)::float8'),
  ),
}
/** A token that is neither expired nor revoked. */
export type UsableToken = d.RowOf<typeof usableShape>

/** The token with this hash, if it is neither expired nor revoked by the clock of the database. */
export async function findUsableToken(run: Run, hash: string): Promise<UsableToken | undefined> {
  const [token] = await run(
    sql`select ${raw(d.selectList(usableShape, 't'))} from wfstore_tokens t
     where t.hash = ${hash} and t.revoked_at is null and (t.expires_at is null or t.expires_at > now())`,
    usableShape,
  )
  return token
}

/** Whether there is a token that is neither expired nor revoked. */
export async function hasUsableToken(run: Run): Promise<boolean> {
  const rows = await run(
    'select from wfstore_tokens where revoked_at is null and (expires_at is null or expires_at > now()) limit 1',
    {},
  )
  return rows.length > 0
}
