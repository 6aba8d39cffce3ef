import pg from 'pg'
import { WfstoreError } from '../../error.ts'
import * as d from '../query/decode.ts'
import { CONNECTION_EXCEPTION, databaseError, describe, sqlStateOf } from '../query/errors.ts'
import { query } from '../query/query.ts'
import { unreachable } from './attempt.ts'
import type { Target } from './target.ts'

/** By these a pooler refuses startup options, among other things: PgBouncer, and Amazon RDS Proxy. */
const OPTIONS_REFUSED = ['08P01', '0A000']

/** Why connecting failed, and what to do about it. */
export async function connectError(error: unknown, target: Target): Promise<WfstoreError> {
  if (error instanceof WfstoreError) return error
  const { message } = describe(error)
  const sqlState = sqlStateOf(error)
  // No server has answered, whatever pg says of it.
  if (sqlState === undefined) return unreachable(target, message, error)
  if (OPTIONS_REFUSED.includes(sqlState) && (await connectsWithoutOptions(target))) {
    return new WfstoreError(
      'usage',
      `the pooler at ${target.label} refuses startup options, in which ${target.schema === undefined ? 'PGOPTIONS' : '--schema'} is sent`,
      { hint: withoutOptions(target), cause: error, sqlState },
    )
  }
  if (isHostRefused(error) && !isEncrypted(target)) {
    return new WfstoreError('access_denied', message, {
      hint: 'if the server requires encryption, add ?sslmode=require to the URL or set PGSSLMODE=require; else check its pg_hba.conf',
      cause: error,
      sqlState,
    })
  }
  if (sqlState.startsWith(CONNECTION_EXCEPTION)) return unreachable(target, message, error)
  return databaseError(error)
}

/** Does pg_hba.conf refuse the connection? Its messages are in the language of the server, so the function that raised it tells. */
function isHostRefused(error: unknown): boolean {
  const { routine } = error as Partial<pg.DatabaseError>
  return sqlStateOf(error) === '28000' && routine === 'ClientAuthentication'
}

/** A Unix socket needs no encryption. */
const isEncrypted = ({ config }: Target): boolean =>
  Boolean(config.ssl) || config.host?.startsWith('/') === true

/** Tells whether it was the startup options that the pooler refused: without them it takes the connection. */
async function connectsWithoutOptions({ config }: Target): Promise<boolean> {
  const client = new pg.Client(config)
  const { connectionParameters: sent } = client as pg.Client & {
    connectionParameters: { options?: string | undefined }
  }
  if (!sent.options) return false
  // Left out of the config, pg would take PGOPTIONS for it.
  sent.options = undefined
  client.on('error', () => {})
  try {
    await client.connect()
    return true
  } catch {
    return false
  } finally {
    await client.end()
  }
}

/** What to do where a pooler does not pass on startup options, as PgBouncer does not by default. */
function withoutOptions({ config, schema }: Target): string {
  const direct = 'connect to the server itself'
  if (schema === undefined) return `${direct}, or leave them out`
  const [role, database, path] = [config.user, config.database, schema].map((name) =>
    pg.escapeIdentifier(String(name)),
  )
  return `${direct}, or leave --schema out and run \`alter role ${role} in database ${database} set search_path to ${path}\` once`
}

/**
 * A pooler may drop startup options silently, and we would work on the tables of another schema.
 * @throws WfstoreError usage
 */
export async function assertSchemaTaken(client: pg.Client, target: Target): Promise<void> {
  const { schema, label } = target
  if (schema === undefined) return
  const text = "select current_setting('search_path') as path"
  const [row] = await query(client, text, { path: d.text() })
  if (row?.path === pg.escapeIdentifier(schema)) return
  await client.end()
  throw new WfstoreError('usage', `a pooler between here and ${label} ignores --schema`, {
    hint: withoutOptions(target),
  })
}
