import { createHash, randomBytes } from 'node:crypto'
import * as d from '../../db/query/decode.ts'
import type { Run } from '../../db/query/query.ts'
import { raw, sql } from '../../db/query/sql.ts'
import { WfstoreError } from '../../error.ts'
import { uuidv7 } from '../../uuid.ts'
import { findIds, isIdStart, missing } from '../ids.ts'

/** What a token may do. `write` includes `read`. */
export const RIGHTS = ['read', 'write'] as const
export type TokenRight = (typeof RIGHTS)[number]
export type TokenState = 'valid' | 'expired' | 'revoked'

const tokenShape = {
  tokenId: d.uuid(),
  name: d.text(),
  can: d.word<TokenRight>(),
  state: d.word<TokenState>(
    `case when t.revoked_at is not null then 'revoked' when t.expires_at <= now() then 'expired' else 'valid' end`,
  ),
  /** RFC 3339 in UTC, like the other times. */
  createdAt: d.time(),
  createdBy: d.nullable(d.text()),
  /** Null if it does not expire. */
  expiresAt: d.nullable(d.time()),
  revokedAt: d.nullable(d.time()),
}
/** A token of the server, without the token itself. */
export type Token = d.RowOf<typeof tokenShape>

const SELECTED = raw(d.selectList(tokenShape, 't'))

/** The hash that the database has. A token cannot be guessed, so that a slow hash would protect nothing. */
export const hashOf = (token: string): string => createHash('sha256').update(token).digest('hex')

export interface NewToken {
  name: string
  can: TokenRight
  /** Undefined if it does not expire. */
  expiresInMs: number | undefined
  createdBy: string | undefined
}

/** The only time that a token is known. @throws WfstoreError conflict, usage */
export async function createToken(
  run: Run,
  { name, can, expiresInMs, createdBy }: NewToken,
): Promise<Token & { token: string }> {
  checkName(name)
  const token = `wfs_${randomBytes(32).toString('base64url')}`
  const [row] = await run(
    sql`insert into wfstore_tokens as t (token_id, name, hash, can, created_by, expires_at)
     values (${uuidv7(Date.now())}::uuid, ${name}, ${hashOf(token)}, ${can}, ${createdBy ?? null},
       now() + ${expiresInMs ?? null}::float8 * interval '1 millisecond')
     on conflict (name) where revoked_at is null do nothing
     returning ${SELECTED}`,
    tokenShape,
  )
  if (row) return { ...row, token }
  throw new WfstoreError('conflict', `token ${name} already exists`, {
    hint: `use another name, or run \`wfstore token revoke ${name}\` first`,
  })
}

/** A name is shown in audit entries and lists, and is not the beginning of an id. */
function checkName(name: string): void {
  if (!/^[A-Za-z0-9][A-Za-z0-9._@-]{0,63}$/.test(name))
    throw new WfstoreError('usage', `${JSON.stringify(name)} is not a name for a token`, {
      hint: 'use at most 64 letters, digits and . _ @ - and begin with a letter or a digit',
    })
  if (name === 'local')
    throw new WfstoreError('usage', 'local is the name of callers without a token', {
      hint: 'use another name',
    })
  if (isIdStart(name))
    throw new WfstoreError('usage', `${name} looks like an id`, { hint: 'use another name' })
}

/** All tokens: those that are not revoked first, then the newest first. */
export const listTokens = (run: Run): Promise<Token[]> =>
  run(
    sql`select ${SELECTED} from wfstore_tokens t order by t.revoked_at is not null, t.created_at desc, t.token_id desc`,
    tokenShape,
  )

/**
 * Revokes tokens, all or none. A token that is revoked already stays as it is.
 * @param named names, ids, or at least the first 8 characters of ids
 * @throws WfstoreError not_found, usage if the beginning of an id is ambiguous
 */
export async function revokeTokens(run: Run, named: readonly string[]): Promise<Token[]> {
  const ids: string[] = []
  for (const one of named)
    ids.push(...(isIdStart(one) ? await findIds(run, 'token', [one]) : await byName(run, one)))
  const rows = await run(
    // Of two sessions at once the second waits, and reads the time of the first: both answer with the token.
    sql`update wfstore_tokens t set revoked_at = coalesce(t.revoked_at, now())
     where t.token_id = any(${ids}::uuid[]) returning ${SELECTED}`,
    tokenShape,
  )
  return [...new Set(ids)].flatMap((id) => rows.filter(({ tokenId }) => tokenId === id))
}

/** The token that has this name; else the one that had it last. */
async function byName(run: Run, name: string): Promise<string[]> {
  const rows = await run(
    sql`select t.token_id from wfstore_tokens t where t.name = ${name}
     order by t.revoked_at is not null, t.created_at desc limit 1`,
    { tokenId: d.uuid() },
  )
  if (rows.length === 0) throw missing('token', name)
  return rows.map(({ tokenId }) => tokenId)
}
