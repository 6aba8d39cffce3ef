/**
 * The triggers of migrations/001_tables.sql keep the totals of a run the sum of its steps, and note when another client than
 * wfstore writes. A transaction that adds in SQL, or writes rows as they were, sets wfstore.keeps_totals to on and does not
 * pay for the triggers. A write that leaves totals to the triggers sets it to off: then it is not noted.
 */

/** A statement, for the beginning of a transaction. */
export const KEEPS_TOTALS = `set local wfstore.keeps_totals = 'on'`

/** The same as a column of a CTE from which every write of its statement reads. It is evaluated once. */
export const KEEPS_TOTALS_COLUMN = `(select set_config('wfstore.keeps_totals', 'on', true)) as keeps_totals`

/** The same as a condition, which is evaluated once, before the first row. */
export const KEEPS_TOTALS_CONDITION = `(select set_config('wfstore.keeps_totals', 'on', true)) = 'on'`

/** A condition of a write that leaves totals to the triggers. */
export const LEAVES_TOTALS_CONDITION = `(select set_config('wfstore.keeps_totals', 'off', true)) = 'off'`
