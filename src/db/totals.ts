/**
 * The triggers of migrations/001_tables.sql keep the totals of a run the sum of its steps. A transaction that adds in SQL, or
 * writes rows as they were, sets this and does not pay for the triggers.
 */

/** A statement, for the beginning of a transaction. */
export const KEEPS_TOTALS = `set local wfstore.keeps_totals = 'on'`

/** The same as a column of a CTE from which every write of its statement reads. It is evaluated once. */
export const KEEPS_TOTALS_COLUMN = `(select set_config('wfstore.keeps_totals', 'on', true)) as keeps_totals`
