/** The events for one client. An event that has not been sent is replaced by a newer one with the same key, so a slow client costs no memory. */
export interface Mailbox {
  stream: ReadableStream<Uint8Array>
  put: (key: string, event: Uint8Array) => void
  /** Ends the stream after what has been put. */
  end: () => void
}

/** @param left called when the client has left, or has everything after `end` */
export function mailbox(left: () => void): Mailbox {
  const waiting = new Map<string, Uint8Array>()
  let ending = false
  let wake = () => {}
  const stream = new ReadableStream<Uint8Array>(
    {
      pull: async (controller) => {
        if (waiting.size === 0 && !ending) {
          await new Promise<void>((resolve) => {
            wake = resolve
          })
        }
        for (const event of waiting.values()) controller.enqueue(event)
        waiting.clear()
        if (!ending) return
        controller.close()
        left()
      },
      cancel: () => {
        wake()
        left()
      },
    },
    { highWaterMark: 1 },
  )
  return {
    stream,
    put: (key, event) => {
      if (ending) return
      // A replaced event is sent after those that came before it.
      waiting.delete(key)
      waiting.set(key, event)
      wake()
    },
    end: () => {
      ending = true
      wake()
    },
  }
}
