import type pg from 'pg'
import { WfstoreError } from '../../error.ts'
import * as d from '../query/decode.ts'
import {
  CONNECTION_EXCEPTION,
  databaseError,
  describe,
  hangUp,
  sqlStateOf,
} from '../query/errors.ts'
import { query } from '../query/query.ts'
import { quote } from '../query/sql.ts'
import { attempt, isHostRefused, mayRefuseOptions, unreachable } from './attempt.ts'
import type { Target } from './target.ts'
import { tlsReason } from './tls-errors.ts'

const PLAIN_HINT =
  'if the server requires encryption, add ?sslmode=require to the URL or set PGSSLMODE=require; else check its pg_hba.conf'
const ENCRYPTED_HINT =
  'check the user, whether pg_hba.conf of the server admits it from this host, and sslcert if it requires a certificate'

/** Converts an error of connecting, with a hint. */
export async function connectError(error: unknown, target: Target): Promise<WfstoreError> {
  if (error instanceof WfstoreError) return error
  const sqlState = sqlStateOf(error)
  // The server did not answer.
  if (sqlState === undefined) {
    const { reason, hint } = tlsReason(error, target)
    return unreachable(target, reason, error, hint)
  }
  const { tlsFailure } = target
  const before = tlsFailure ? `; before that, TLS failed: ${tlsFailure.reason}` : ''
  const said = describe(error).message + before
  if (mayRefuseOptions(error) && (await connectsWithoutOptions(target))) {
    return new WfstoreError(
      'usage',
      `the pooler at ${target.label} does not support ${target.schema === undefined ? 'PGOPTIONS' : '--schema'}: it refuses startup options`,
      { hint: withoutOptions(target), cause: error, sqlState },
    )
  }
  const message = `cannot log in as ${target.label}: ${said}`
  if (isHostRefused(error) && !isSocket(target)) {
    const hint = tlsFailure?.hint ?? (target.config.ssl ? ENCRYPTED_HINT : PLAIN_HINT)
    return new WfstoreError('access_denied', message, { hint, cause: error, sqlState })
  }
  if (sqlState.startsWith(CONNECTION_EXCEPTION)) return unreachable(target, said, error)
  const known = databaseError(error)
  if (known.code !== 'access_denied' && known.code !== 'database_missing') return known
  return new WfstoreError(known.code, message, { hint: known.hint, cause: error, sqlState })
}

const isSocket = ({ config }: Target): boolean => config.host?.startsWith('/') === true

/** Whether the pooler refused the startup options: without them the connection works. */
async function connectsWithoutOptions(target: Target): Promise<boolean> {
  const { config, Client } = attempt(target)
  const client = new Client(config)
  const { connectionParameters: sent } = client as pg.Client & {
    connectionParameters: { options?: string | undefined }
  }
  if (!sent.options) return false
  // Without a value in the config, pg would use PGOPTIONS.
  sent.options = undefined
  client.on('error', () => {})
  try {
    await client.connect()
    return true
  } catch {
    return false
  } finally {
    hangUp(client)
  }
}

/** The hint for poolers that do not forward startup options, such as PgBouncer by default. */
function withoutOptions({ config, schema }: Target): string {
  const direct = 'connect to the server itself'
  if (schema === undefined) return `${direct}, or leave them out`
  const [role, database, path] = [config.user, config.database, schema].map((name) =>
    quote(String(name)),
  )
  return `${direct}, or leave --schema out and run \`alter role ${role} in database ${database} set search_path to ${path}\` once`
}

/**
 * Checks that a pooler has not silently dropped the startup options: otherwise wfstore would use another schema.
 * @throws WfstoreError usage
 */
export async function assertSchemaTaken(client: pg.Client, target: Target): Promise<void> {
  const { schema, label } = target
  if (schema === undefined) return
  const text = "select current_setting('search_path') as path"
  const [row] = await query(client, text, { path: d.text() })
  if (row?.path === quote(schema)) return
  await client.end()
  throw new WfstoreError('usage', `the pooler at ${label} ignores --schema`, {
    hint: withoutOptions(target),
  })
}
