import { formatDuration } from '../../numbers.ts'
import { planConstraints, retypedColumns } from './differences.ts'
import type { Online } from './online.ts'
import type { TableSize } from './sizes.ts'
import type { Survey } from './survey.ts'

/** Bytes per second, with indexes: measured with bench data on two busy cores. Other machines are often faster. */
const REWRITTEN = 40e6
const COPIED = 12e6
const READ = 500e6
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
  { preparations, rewritten, rebuilt }: Online,
): Times {
  const bytesOf = (tables: readonly string[]) =>
    sizes.reduce((sum, { table, bytes }) => (tables.includes(table) ? sum + bytes : sum), 0)
  const indexBytes = rebuilt.reduce((sum, { bytes }) => sum + bytes, 0)
  const locked = preparations.length === 0 ? survey.tables : rewritten.map(({ table }) => table)
  const copied = preparations.filter(({ copies }) => copies.length > 0)
  return {
    copyMs: (bytesOf(copied.map(({ table }) => table)) / COPIED) * 1000,
    lockMs:
      CHANGE_MS +
      ((bytesOf(locked) + indexBytes) / REWRITTEN + bytesOf(readTables(survey)) / READ) * 1000,
  }
}

/** The lines of the announcement. */
export function describeTimes(
  { copyMs, lockMs }: Times,
  { preparations, rewritten, rebuilt }: Online,
): string[] {
  const copies = preparations.flatMap((one) => one.copies)
  const lock = `the tables are locked for ${lockMs < 1000 ? 'less than a second' : `about ${about(lockMs)}`}`
  return [
    ...rewritten.map(
      ({ table, reason }) => `${table} is rewritten while the tables are locked: ${reason}`,
    ),
    ...(rebuilt.length === 0
      ? []
      : [
          `indexes of the application that are built again while the tables are locked: ${rebuilt.map(({ table, index }) => `${index} on ${table}`).join(', ')}`,
        ]),
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

function about(ms: number): string {
  const seconds = Math.max(1, Math.round(ms / 1000))
  return seconds < 60 ? `${seconds} s` : formatDuration(seconds * 1000)
}

/** The server reads a table again for a check of the application on a column whose type changes. */
function readTables(survey: Survey): string[] {
  const retyped = retypedColumns(survey)
  return survey.tables.filter((table) =>
    planConstraints(survey, table).kept.some(
      ({ kind, validated, columns }) =>
        kind === 'c' &&
        validated &&
        retyped.some(
          (one) => one.table === table && (JSON.parse(columns) as string[]).includes(one.to.name),
        ),
    ),
  )
}
