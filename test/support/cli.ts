import { Readable, Writable } from 'node:stream'
import type { Io } from '../../src/cli/io.ts'
import { main } from '../../src/cli/main.ts'

export interface CliResult {
  code: number
  stdout: string
  stderr: string
}

export interface CliOptions {
  env?: Record<string, string | undefined>
  cwd?: string
  /** The width of a terminal; without it stdout is a pipe. */
  terminal?: number
  /** Typed at a prompt. Without it there is no terminal to ask on. */
  answer?: string
  /** Piped into it. */
  stdin?: Uint8Array
  rows?: number
  /** The clock of this machine; also used as the clock of the server. */
  now?: string
  /** The clock of this machine, while that of the server runs. */
  localNow?: Date
  timeZone?: string
  signal?: AbortSignal
  /** Called before each wait of --watch. */
  sleep?: Io['sleep']
  /** Called with what is written, on stdout and on stderr in their order. */
  show?: (text: string) => void
}

/** Fixed, so that ages and days in golden files do not change: three days after the dump of the legacy data. */
export const NOW = '2026-11-26T12:00:00.000Z'

/** Runs the command line inside this process, with streams, clock and environment of its own. */
export async function runCli(
  argv: readonly string[],
  options: CliOptions = {},
): Promise<CliResult> {
  let stdout = ''
  let stderr = ''
  const sleep = options.sleep ?? (() => Promise.reject(new Error('nothing should sleep here')))
  /** Only sleeping moves the clock. */
  let slept = 0
  const collect = (take: (text: string) => void) =>
    new Writable({
      decodeStrings: false,
      write: (chunk, _, done) => {
        take(String(chunk))
        options.show?.(String(chunk))
        done()
      },
    })
  const tty =
    options.terminal === undefined
      ? {}
      : { isTTY: true, columns: options.terminal, rows: options.rows ?? 40 }
  const now = () =>
    new Date((options.localNow?.getTime() ?? Date.parse(options.now ?? NOW)) + slept)
  const io: Io = {
    stdin: Object.assign(Readable.from([options.answer ?? options.stdin ?? []].flat()), {
      isTTY: options.answer !== undefined,
    }),
    stdout: Object.assign(
      collect((text) => {
        stdout += text
      }),
      tty,
    ),
    stderr: Object.assign(
      collect((text) => {
        stderr += text
      }),
      options.answer === undefined ? {} : { isTTY: true },
    ),
    now,
    ...(options.localNow ? {} : { serverNow: now }),
    sleep: async (ms, aborted) => {
      await sleep(ms, aborted)
      slept += ms
    },
    cwd: options.cwd ?? '/nonexistent',
    timeZone: options.timeZone ?? 'Europe/Berlin',
    signal: options.signal ?? new AbortController().signal,
  }
  const code = await main(argv, io, options.env ?? {})
  return { code, stdout, stderr }
}
