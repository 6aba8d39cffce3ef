import type { InTransaction } from '../../../db/query/isolation.ts'
import { reconcileDue } from './reconcile.ts'
import type { ReconcileOptions } from './work.ts'

export interface Reconciling {
  /** Looks at once whether traces are due, instead of within the next second. */
  wake: () => void
  /** Resolves when the transaction that is running has ended. */
  stop: () => Promise<void>
}

/** How often the loop looks for traces that have become due, and how long it waits after an error. */
const PAUSE_MS = 1000

/** Writes traces as they become due, until it is stopped. Several processes may do so on one database. */
export function startReconciling(
  inTransaction: InTransaction,
  options: ReconcileOptions,
  onError: (error: unknown) => void,
): Reconciling {
  let stopped = false
  let isAwake = false
  let wakeUp = () => {}
  const pause = async () => {
    if (isAwake || stopped) return
    let timer: NodeJS.Timeout | undefined
    await new Promise<void>((resolve) => {
      wakeUp = resolve
      timer = setTimeout(resolve, PAUSE_MS)
    })
    clearTimeout(timer)
  }
  const loop = async () => {
    while (!stopped) {
      isAwake = false
      try {
        await reconcileDue(inTransaction, options, () => stopped)
      } catch (error) {
        onError(error)
        // Traces that arrive meanwhile do not make it try more often.
        isAwake = false
      }
      await pause()
    }
  }
  const running = loop()
  return {
    wake: () => {
      isAwake = true
      wakeUp()
    },
    stop: () => {
      stopped = true
      wakeUp()
      return running
    },
  }
}
