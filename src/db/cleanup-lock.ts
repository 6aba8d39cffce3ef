/** Held by a running cleanup or restore: a schema allows only one at a time. */
export const cleanupLock = (schema: string): string => `wfstore cleanup ${schema}`
