/** Held while a cleanup or a restore is at it: one of them at a time in a schema. */
export const cleanupLock = (schema: string): string => `wfstore cleanup ${schema}`
