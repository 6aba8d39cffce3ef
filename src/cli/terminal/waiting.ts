import type { Io } from '../io.ts'

const EVERY_MS = 1000

/** What the work gives. Somebody at a terminal is told on stderr that it goes on, once it takes over a second. */
export async function whileCounting<T>(io: Io, work: () => Promise<T>): Promise<T> {
  if (!io.stderr.isTTY) return work()
  const done = new AbortController()
  const telling = tell(io, done.signal)
  try {
    return await work()
  } finally {
    done.abort()
    await telling
  }
}

async function tell(io: Io, done: AbortSignal): Promise<void> {
  let seconds = 0
  try {
    for (;;) {
      await io.sleep(EVERY_MS, done)
      if (done.aborted) break
      io.stderr.write(`${CLEAR}still counting… (${++seconds} s)`)
    }
  } catch {
    // An aborted wait rejects.
  }
  if (seconds > 0) io.stderr.write(CLEAR)
}

const CLEAR = '\r\x1b[K'
