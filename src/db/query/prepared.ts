import { createHash } from 'node:crypto'
import type { Queryable } from './connection.ts'
import * as d from './decode.ts'
import { sqlStateOf } from './errors.ts'
import { query, type Run } from './query.ts'
import { bound } from './sql.ts'

/**
 * A plan that is kept is the one for the tables as they were: of an almost empty one all of it is read, even when it has
 * grown. So nothing is prepared before each has so many pages that a look-up in its index is the cheaper way.
 */
const GROWN = `
select coalesce(min(pg_relation_size(to_regclass(name))), 0) >= 32 * current_setting('block_size')::bigint as grown
from unnest(array['workflow_executions', 'workflow_steps', 'audit_logs', 'billing_records']) as name`

/** After so many statements that is asked; where the answer is no, again after ten times as many. */
const ASK_AFTER = 20

/**
 * Runs the few statements that an engine sends again and again, each prepared once on a connection: it is then neither
 * parsed nor, after five times, planned anew.
 *
 * Behind a pooler that gives each transaction another session a statement may be missing, or be there already; so it may
 * after DEALLOCATE ALL. The server says so before it does anything: the statement is sent again without a name, and so
 * are all others from then on.
 * @param pool of whose connections each statement has one to itself. In a transaction of somebody else's the first error
 * would end all of it.
 */
export function prepared(pool: Queryable): Run {
  const names = new Map<string, string>()
  let [sent, askAt] = [0, ASK_AFTER]
  let state: 'young' | 'named' | 'unnamed' = 'young'
  const ask = async () => {
    askAt *= 10
    const rows = await query(pool, GROWN, { grown: d.boolean() }).catch(() => [])
    if (rows[0]?.grown && state === 'young') state = 'named'
  }
  return async (given, shape) => {
    const statement = bound(given)
    if (++sent === askAt && state === 'young') await ask()
    if (state === 'named') {
      const { text } = statement
      const name = names.get(text) ?? nameOf(text)
      names.set(text, name)
      try {
        return await query(pool, statement, shape, name)
      } catch (error) {
        if (!isUnprepared(error)) throw error
        state = 'unnamed'
      }
    }
    return query(pool, statement, shape)
  }
}

/** Made of the text, so that whoever else is behind the same pooler means the same by it. */
const nameOf = (text: string): string =>
  `wfstore_${createHash('sha256').update(text).digest('hex').slice(0, 24)}`

/** There is no such statement, there is one already, or a migration has changed the types that it gives. */
const isUnprepared = (error: unknown): boolean =>
  ['26000', '42P05', '0A000'].includes(sqlStateOf(error) ?? '')
