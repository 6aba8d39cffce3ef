import { formatDuration } from '../../numbers.ts'
import type { Online } from './online.ts'
import type { TableSize } from './sizes.ts'
import type { Survey } from './survey.ts'

/** Bytes per second, with indexes: measured with bench data on two busy cores. Other machines are often faster. */
const REWRITTEN = 40e6
const COPIED = 15e6
/** Reading the catalogs and changing them, under the lock. */
const CHANGE_MS = 500

export interface Times {
  /** How long columns are copied. */
  copyMs: number
  /** How long the exclusive lock is held. */
  lockMs: number
}

export function estimate(
  survey: Survey,
  sizes: readonly TableSize[],
  { preparations, rewritten }: Online,
): Times {
  const bytesOf = (tables: readonly string[]) =>
    sizes.reduce((sum, { table, bytes }) => (tables.includes(table) ? sum + bytes : sum), 0)
  const locked = preparations.length === 0 ? survey.tables : rewritten.map(({ table }) => table)
  const copied = preparations.filter(({ copies }) => copies.length > 0)
  return {
    copyMs: (bytesOf(copied.map(({ table }) => table)) / COPIED) * 1000,
    lockMs: CHANGE_MS + (bytesOf(locked) / REWRITTEN) * 1000,
  }
}

/** The lines of the announcement. */
export function describeTimes(
  { copyMs, lockMs }: Times,
  { preparations, rewritten }: Online,
): string[] {
  const copies = preparations.flatMap((one) => one.copies)
  const lock = `the tables are locked for ${lockMs < 1000 ? 'less than a second' : `about ${about(lockMs)}`}`
  return [
    ...rewritten.map(
      ({ table, reason }) => `${table} is rewritten while the tables are locked: ${reason}`,
    ),
    ...(preparations.length === 0
      ? [lock]
      : [
          `columns are copied first, while the application works, for about ${about(copyMs)}; then ${lock}`,
        ]),
    ...(copies.length === 0
      ? []
      : [
          `these columns become the last of their tables, so an INSERT without column names is wrong afterwards: ${copies.map(({ to }) => `${to.tableName}.${to.name}`).join(', ')}`,
        ]),
  ]
}

const about = (ms: number): string => formatDuration(Math.max(1000, Math.round(ms / 1000) * 1000))
