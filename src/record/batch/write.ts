import { asText } from '../../db/distributed/at.ts'
import * as d from '../../db/query/decode.ts'
import type { Run } from '../../db/query/query.ts'
import { send } from '../../db/query/send.ts'
import type { Statement } from '../../db/query/sql.ts'
import { type ErrorCode, WfstoreError } from '../../error.ts'
import { assertSame, compared } from '../../queries/table/compare.ts'
import { entryOf, readExecutionState, stepOf } from '../recorder/lookups.ts'
import type { BatchClock } from './clock.ts'
import { type BatchRow, IDS, labelOf } from './rows.ts'
import { arrayName, COLUMNS, GIVEN, WRITE } from './statement.ts'

export const OUTCOME = {
  n: d.nullable(d.count()),
  serverMs: d.nullable(d.number()),
  known: d.nullable(d.boolean()),
}

const TRIES = 10

/** Errors that one row may cause. */
const OF_A_ROW: readonly ErrorCode[] = ['failed', 'conflict']

/**
 * Writes rows in one statement and settles each: resolves it if it is committed, rejects it if it cannot be written. If the
 * statement fails, it tries each half, until a row that the database refuses is alone.
 */
export async function writeRows(
  run: Run,
  rows: readonly BatchRow[],
  clock: BatchClock,
): Promise<void> {
  try {
    await writeTogether(run, rows, clock)
  } catch (error) {
    const middle = rows.length >> 1
    // An error of the connection or the schema affects every row.
    if (middle === 0 || !(error instanceof WfstoreError) || !OF_A_ROW.includes(error.code)) {
      for (const row of rows) row.reject(error)
      return
    }
    await writeRows(run, rows.slice(0, middle), clock)
    await writeRows(run, rows.slice(middle), clock)
  }
}

async function writeTogether(
  run: Run,
  rows: readonly BatchRow[],
  clock: BatchClock,
): Promise<void> {
  let left = rows
  for (let tried = 1; left.length > 0; tried++) {
    // As in attempts.ts: a run that has just finished has a bill in the next snapshot.
    const withoutBill = tried > 2
    for (const row of left) row.at ??= clock.stamp(row.calledAt)
    const now = performance.now()
    const statement = statementOf(left, now, withoutBill)
    const unwritten = new Map<number, boolean>()
    for (const { n, serverMs, known } of await send(run, statement, OUTCOME)) {
      if (n !== null) unwritten.set(n, known === true)
      else if (serverMs !== null) clock.learn(serverMs, now)
    }
    left.forEach((row, n) => {
      if (!unwritten.has(n)) row.resolve()
    })
    const waiting: BatchRow[] = []
    for (const [n, known] of unwritten) {
      const row = left[n] as BatchRow
      if (known && !row.named) row.resolve()
      else if (!(await settle(run, row, tried === TRIES))) waiting.push(row)
    }
    left = waiting
  }
}

/** The statement that writes rows of a batch. */
export function statementOf(
  rows: readonly BatchRow[],
  now: number,
  withoutBill: boolean,
): Statement {
  const places = new Map<string, number[]>()
  for (const [n, { executionId }] of rows.entries()) {
    const others = places.get(executionId)
    if (others) others.push(n)
    else places.set(executionId, [n])
  }
  const of = (at: readonly number[]) => {
    const steps = arraysOf(rows, at, 'step', now)
    const entries = arraysOf(rows, at, 'entry', now)
    const kind = steps && entries ? 'both' : steps ? 'step' : 'entry'
    return WRITE[kind]({ withoutBill, ...steps, ...entries })
  }
  const runs = {
    ids: [...places.keys()],
    of: (ids: readonly string[]) => of(ids.flatMap((id) => places.get(id) ?? [])),
  }
  return { ...of([...rows.keys()]), runs }
}

/** The arrays of a kind by name, as text; undefined without rows. */
function arraysOf(
  rows: readonly BatchRow[],
  at: readonly number[],
  kind: BatchRow['kind'],
  now: number,
): Record<string, string | null> | undefined {
  const places = at.filter((n) => rows[n]?.kind === kind)
  if (places.length === 0) return undefined
  const arrays: Record<string, string | null> = {}
  for (const name of Object.keys(COLUMNS[kind])) {
    const index = GIVEN[kind].findIndex(({ column }) => column === name)
    const values = places.map((n) => {
      const row = rows[n] as BatchRow
      if (index >= 0) return row.values[index]
      if (name === 'n') return n
      if (name === 'at_ms') return row.at
      if (name === 'age_ms') return now - row.calledAt
      return IDS[name]?.(row)
    })
    arrays[arrayName(kind, name)] = asText(values)
  }
  return arrays
}

/**
 * Settles a row that was not written: it exists with the same or other values, or it cannot be written.
 * @returns false if the reason is gone, so that another try may succeed
 */
async function settle(run: Run, row: BatchRow, last: boolean): Promise<boolean> {
  try {
    if (!(await isRecorded(run, row))) {
      await readExecutionState(run, row.executionId)
      if (!last) return false
      throw new WfstoreError('failed', `${labelOf(row)} could not be recorded in ${TRIES} tries`)
    }
    row.resolve()
  } catch (error) {
    row.reject(error)
  }
  return true
}

/** @throws WfstoreError conflict if it exists with other values */
async function isRecorded(run: Run, row: BatchRow): Promise<boolean> {
  const { kind, executionId, values } = row
  const given = GIVEN[kind].map((field, index) => ({ field, value: values[index] ?? null }))
  const idIn = (column: string) => given.find(({ field }) => field.column === column)?.value
  const recorded =
    kind === 'entry'
      ? entryOf(idIn('log_id') as string)
      : stepOf(executionId, idIn('step_id') as string)
  const fields = given
    // A value that was not given has become the time of the write, or a default.
    .filter(({ field, value }) => !(field.type === 'time' || field.hasDefault) || value !== null)
    .map(({ field: { type, name, column }, value }) => compared(type, name, `r.${column}`, value))
  return assertSame(run, labelOf(row), recorded, fields)
}
