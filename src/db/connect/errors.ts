import pg from 'pg'
import { WfstoreError } from '../../error.ts'
import * as d from '../query/decode.ts'
import { databaseError, describe, isConnectionError } from '../query/errors.ts'
import { query } from '../query/query.ts'
import type { Target } from './target.ts'

/** What went wrong while connecting, with what to do about it. */
export function connectError(error: unknown, target: Target): WfstoreError {
  const { message } = describe(error)
  if (/password must be a (non-empty )?string|must be a string/i.test(message)) {
    return new WfstoreError(
      'access_denied',
      `the server asks ${target.label} for a password and none is given`,
      {
        hint: 'set PGPASSWORD, or write it into ~/.pgpass',
        cause: error,
      },
    )
  }
  if (/unsupported startup parameter(: options| in options)/.test(message)) {
    return new WfstoreError(
      'usage',
      `the pooler at ${target.label} refuses startup options, in which ${target.schema === undefined ? 'PGOPTIONS' : '--schema'} travels`,
      { hint: withoutOptions(target), cause: error },
    )
  }
  if (/no encryption/.test(message)) {
    return new WfstoreError('access_denied', message, {
      hint: 'add ?sslmode=require to the URL, or set PGSSLMODE=require',
      cause: error,
    })
  }
  if (isConnectionError(error)) {
    const reason = /timeout/i.test(message)
      ? `no answer within ${Number(target.config.connectionTimeoutMillis) / 1000} s`
      : message
    return new WfstoreError(
      'unreachable',
      `cannot reach PostgreSQL as ${target.label}: ${reason}`,
      {
        hint: `is the server running, and is ${target.source} right?`,
        cause: error,
      },
    )
  }
  return databaseError(error)
}

/** What to do where a pooler does not pass startup options on, as PgBouncer does not unless it is told to. */
function withoutOptions({ config, schema }: Target): string {
  const direct = 'connect to the server itself'
  if (schema === undefined) return `${direct}, or leave them out`
  const [role, database, path] = [config.user, config.database, schema].map((name) =>
    pg.escapeIdentifier(String(name)),
  )
  return `${direct}, or leave --schema out and run \`alter role ${role} in database ${database} set search_path to ${path}\` once`
}

/**
 * A pooler may drop startup options without a word, and the tables would be somebody else's.
 * @throws WfstoreError usage
 */
export async function assertSchemaTaken(client: pg.Client, target: Target): Promise<void> {
  const { schema, label } = target
  if (schema === undefined) return
  const text = "select current_setting('search_path') as path"
  const [row] = await query(client, text, [], { path: d.text() })
  if (row?.path === pg.escapeIdentifier(schema)) return
  await client.end()
  throw new WfstoreError('usage', `a pooler between here and ${label} ignores --schema`, {
    hint: withoutOptions(target),
  })
}
