import type { Readable, Writable } from 'node:stream'

/** What a process gives a command: injected, so that tests run commands inside their own process. */
export interface Io {
  stdin: Readable & { isTTY?: boolean }
  stdout: Writable & { isTTY?: boolean; columns?: number; rows?: number }
  stderr: Writable & { isTTY?: boolean }
  now: () => Date
  sleep: (ms: number, signal: AbortSignal) => Promise<void>
  cwd: string
  /** IANA name of the zone in which a terminal shows times. */
  timeZone: string
  /** Aborted by SIGINT and SIGTERM. */
  signal: AbortSignal
}
