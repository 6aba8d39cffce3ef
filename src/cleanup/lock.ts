import { WfstoreError } from '../error.ts'

/** Held while a cleanup or a restore is at it: one of them at a time in a schema. */
export const cleanupLock = (schema: string): string => `wfstore cleanup ${schema}`

/** How long a cleanup waits for what it writes beside its batches. */
export const WRITE_WAIT_MS = 2000

export const tableLocked = (table: string, cause: unknown): WfstoreError =>
  new WfstoreError('locked', `another session has locked the table ${table}`, {
    hint: 'run it again when that has ended, an index being built for instance',
    cause,
  })

/** Ends the limit that PostgreSQL 17 and later may have for a whole transaction. It takes a snapshot. */
export const NO_TRANSACTION_TIMEOUT = `select set_config('transaction_timeout', '0', true)
  where current_setting('transaction_timeout', true) is not null`
