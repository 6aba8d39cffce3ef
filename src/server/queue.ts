/** How much a server works on at once. What is more is refused, and its client sends it again. */
export interface QueueLimits {
  requests: number
  /** Of all bodies together, after decompression. */
  bytes: number
}

/** A request in the queue. */
export interface Place {
  /** False if the queue has no room for more bytes of this request. */
  grow: (bytes: number) => boolean
  leave: () => void
}

export interface Queue {
  /** Undefined if the queue is full, or has no room for a body of this length. Bytes count as they arrive. */
  enter: (length: number) => Place | undefined
  /** Runs one work at a time, in order: a body that is decompressed and decoded takes the most memory. */
  inTurn: <T>(work: () => Promise<T>) => Promise<T>
}

export function createQueue(most: QueueLimits): Queue {
  let requests = 0
  let bytes = 0
  let last: Promise<unknown> = Promise.resolve()
  return {
    enter: (length) => {
      if (requests >= most.requests || bytes + length > most.bytes) return undefined
      let own = 0
      requests++
      return {
        grow: (more) => {
          if (bytes + more > most.bytes) return false
          own += more
          bytes += more
          return true
        },
        leave: () => {
          requests--
          bytes -= own
        },
      }
    },
    inTurn: (work) => {
      const result = last.then(work)
      last = result.catch(() => {})
      return result
    },
  }
}
