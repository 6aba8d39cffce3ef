import { setTimeout as delay } from 'node:timers/promises'
import { WfstoreError } from '../../error.ts'
import type * as d from './decode.ts'
import type { Run } from './query.ts'
import type { Statement } from './sql.ts'

/** Pauses between tries. Each varies by half, so that many clients do not reconnect at once. */
const PAUSES_MS = [50, 250, 1000]

/** Runs an idempotent statement, and repeats it as `repeat` does. */
export const send = <S extends d.Shape>(
  run: Run,
  statement: Statement,
  shape: S,
): Promise<d.RowOf<S>[]> => repeat(() => run(statement, shape))

/**
 * Does idempotent work, and repeats it if the connection is lost. After a lost connection it is unknown whether the work was
 * committed; if it was, the repetition does nothing.
 */
export async function repeat<T>(work: () => Promise<T>): Promise<T> {
  for (const pause of PAUSES_MS) {
    try {
      return await work()
    } catch (error) {
      if (!isPassing(error)) throw error
      await delay(pause * (0.5 + Math.random()))
    }
  }
  return work()
}

/** A lost connection, a deadlock with statements of the application, or a serialization failure. */
function isPassing(error: unknown): boolean {
  if (!(error instanceof WfstoreError)) return false
  const { code, sqlState } = error
  return code === 'unreachable' || sqlState === '40P01' || sqlState === '40001'
}
