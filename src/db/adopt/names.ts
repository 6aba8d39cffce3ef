/** The objects of the first phase of an adoption: see copies.ts. */

/** A check: the copies of a row are right, and our other checks accept it. */
export const COPIED = 'wfstore_copied'
/** A check of the columns that become NOT NULL. */
export const REQUIRED = 'wfstore_required'
/** Triggers run in the order of their names, and this one comes after those of the application. */
export const COPY_TRIGGER = '~wfstore_copy'
export const copyFunction = (table: string): string => `wfstore_copy_${table}`
/** Begins the names of new columns and indexes. */
export const NEW = 'wfstore_new_'
/** The setting of a transaction that fills the new columns. */
export const FILLS = 'wfstore.fills_copies'
