import type { Readable, Writable } from 'node:stream'

/** The streams, clock and signals of the process, injected so that tests can run commands in their own process. */
export interface Io {
  stdin: Readable & { isTTY?: boolean; setRawMode?: (raw: boolean) => unknown }
  stdout: Writable & { isTTY?: boolean; columns?: number; rows?: number }
  /** The program was started without stdout, so that data would be lost; or perhaps its data is not wanted. */
  stdoutClosed?: 'certain' | 'possible' | undefined
  stderr: Writable & { isTTY?: boolean; columns?: number }
  /** The clock of this machine. */
  now: () => Date
  /** A fixed time instead of the clock of the server, for tests whose rows have fixed times. */
  serverNow?: () => Date
  sleep: (ms: number, signal: AbortSignal) => Promise<void>
  cwd: string
  /** IANA time zone for times on a terminal. */
  timeZone: string
  /** Aborted by SIGINT and SIGTERM, and by these keys. */
  signal: AbortSignal
  /** Sets how long an interrupted command may take to end, in milliseconds (default: 1000). A second Ctrl-C ends it at once. */
  setPatience?: (ms: number) => void
  /** What Ctrl-C and q do on a screen that reads keys. */
  keys?: { interrupt: () => void; quit: () => void }
}

/** The width in which notes, errors and questions wrap; undefined if stderr is not a terminal. */
export const widthOfNotes = ({ stdout, stderr }: Io): number | undefined =>
  stderr.isTTY === true ? stderr.columns || stdout.columns || undefined : undefined
