import { createHash } from 'node:crypto'
import type { Queryable } from './connection.ts'
import * as d from './decode.ts'
import { sqlStateOf } from './errors.ts'
import { query, type Run, runOn } from './query.ts'
import { bound } from './sql.ts'

/**
 * A prepared plan is not changed when tables grow: for an almost empty table it would always read the whole table. So
 * nothing is prepared before the tables have enough pages to use their indexes.
 */
const GROWN = `
select coalesce(min(pg_relation_size(to_regclass(name))), 0) >= 32 * current_setting('block_size')::bigint as grown
from unnest(array['workflow_executions', 'workflow_steps', 'audit_logs', 'billing_records']) as name`

/** The number of statements before the first check. Further checks follow after ten times as many. */
const ASK_AFTER = 20

/** More texts are not prepared: each takes memory of each session. */
const MOST = 100

/** Which statements are prepared. */
export interface StatementNames {
  /** The name of a statement; undefined if it is not prepared. @param run for the check of the tables */
  of: (text: string, run: Run) => Promise<string | undefined>
  /** True if the server refuses the name. Then all later statements are sent without one. */
  isRefused: (error: unknown) => boolean
}

export function statementNames(): StatementNames {
  const names = new Map<string, string>()
  let [sent, askAt] = [0, ASK_AFTER]
  let state: 'young' | 'named' | 'unnamed' = 'young'
  const ask = async (run: Run) => {
    askAt *= 10
    const rows = await run(GROWN, { grown: d.boolean() }).catch(() => [])
    if (rows[0]?.grown && state === 'young') state = 'named'
  }
  return {
    of: async (text, run) => {
      if (++sent === askAt && state === 'young') await ask(run)
      if (state !== 'named') return undefined
      const name = names.get(text) ?? (names.size < MOST ? nameOf(text) : undefined)
      if (name !== undefined) names.set(text, name)
      return name
    },
    isRefused: (error) => {
      const refused = isUnprepared(error)
      if (refused) state = 'unnamed'
      return refused
    },
  }
}

/**
 * Runs the few statements that an engine repeats often, prepared once per connection. They are not parsed again and, after five
 * times, not planned again.
 *
 * With a pooler in transaction mode, or after DEALLOCATE ALL, a prepared statement may be missing or already exist. The server
 * reports that before it runs anything. Then this and all later statements are sent without a name.
 * @param pool each statement gets a connection of its own: in an open transaction the first error would abort everything
 */
export function prepared(pool: Queryable): Run {
  const names = statementNames()
  return async (given, shape) => {
    const statement = bound(given)
    const name = await names.of(statement.text, runOn(pool))
    if (name !== undefined) {
      try {
        return await query(pool, statement, shape, { name })
      } catch (error) {
        if (!names.isRefused(error)) throw error
      }
    }
    return query(pool, statement, shape)
  }
}

/** The name is a hash of the text, so that it is the same for all clients of a pooler. */
const nameOf = (text: string): string =>
  `wfstore_${createHash('sha256').update(text).digest('hex').slice(0, 24)}`

/** The prepared statement is missing or already exists, or a migration has changed its result types. */
const isUnprepared = (error: unknown): boolean =>
  ['26000', '42P05', '0A000'].includes(sqlStateOf(error) ?? '')
