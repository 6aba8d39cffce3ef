import { WfstoreError } from '../error.ts'

export interface TurnLimits {
  /** How many have a turn at once. */
  atOnce: number
  /** How many more wait for one. */
  waiting: number
  /** How long each waits. */
  waitMs: number
}

export interface Turns {
  /** Gives a turn, which ends when the returned function is called. @throws WfstoreError locked if there is none in time */
  take: (signal: AbortSignal) => Promise<() => void>
  /** How many have a turn, and how many wait for one. */
  load: () => { running: number; waiting: number }
}

/** Turns in order, a number at once. */
export function createTurns({ atOnce, waiting, waitMs }: TurnLimits): Turns {
  let free = atOnce
  const queue = new Set<() => void>()
  const end = () => {
    const [next] = queue
    if (next) next()
    else free++
  }
  const once = () => {
    let ended = false
    return () => {
      if (!ended) end()
      ended = true
    }
  }
  const take: Turns['take'] = async (signal) => {
    signal.throwIfAborted()
    if (free > 0) {
      free--
      return once()
    }
    if (queue.size >= waiting) throw busy()
    await new Promise<void>((resolve, reject) => {
      const leave = () => {
        queue.delete(begin)
        signal.removeEventListener('abort', abort)
        clearTimeout(timer)
      }
      const begin = () => {
        leave()
        resolve()
      }
      const abort = () => {
        leave()
        reject(signal.reason)
      }
      const timer = setTimeout(() => {
        leave()
        reject(busy())
      }, waitMs)
      signal.addEventListener('abort', abort)
      queue.add(begin)
    })
    return once()
  }
  return { take, load: () => ({ running: atOnce - free, waiting: queue.size }) }
}

const busy = () =>
  new WfstoreError('locked', 'the server has too many requests at once', {
    hint: 'try again in a few seconds',
  })
