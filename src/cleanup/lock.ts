export { cleanupLock } from '../db/cleanup-lock.ts'

/** How long a cleanup waits for locks of its writes outside of batches. */
export const WRITE_WAIT_MS = 2000

/** Turns off transaction_timeout, which PostgreSQL has since version 17. The statement takes a snapshot. */
export const NO_TRANSACTION_TIMEOUT = `select set_config('transaction_timeout', '0', true)
  where current_setting('transaction_timeout', true) is not null`
