import { setTimeout as delay } from 'node:timers/promises'
import { WfstoreError } from '../../error.ts'
import type * as d from './decode.ts'
import type { Run } from './query.ts'
import type { Statement } from './sql.ts'

/** Pauses before the tries after the first, each half as long to half as long again, so that many do not come back at once. */
const PAUSES_MS = [50, 250, 1000]

/**
 * Runs a statement that can be repeated to no effect, and repeats it where the connection was lost, even after its
 * commit: nobody knows whether it was done, and the second time it does nothing if it was.
 */
export async function send<S extends d.Shape>(
  run: Run,
  statement: Statement,
  shape: S,
): Promise<d.RowOf<S>[]> {
  for (const pause of PAUSES_MS) {
    try {
      return await run(statement, shape)
    } catch (error) {
      if (!isPassing(error)) throw error
      await delay(pause * (0.5 + Math.random()))
    }
  }
  return run(statement, shape)
}

/** A connection that was lost, a deadlock with somebody's own statements, a serialization failure. */
function isPassing(error: unknown): boolean {
  if (!(error instanceof WfstoreError)) return false
  const { code, sqlState } = error
  return code === 'unreachable' || sqlState === '40P01' || sqlState === '40001'
}
