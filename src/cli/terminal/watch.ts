import { WfstoreError } from '../../error.ts'
import type { Context } from '../context.ts'
import type { Io } from '../io.ts'
import { type GlobalOptions, useColor } from '../options/global.ts'
import { DEFAULT_SECONDS } from '../options/watch.ts'
import { show as visible } from '../output/text/escape.ts'
import { productionMark } from '../output/text/production.ts'
import { painter } from '../output/text/style.ts'
import { truncate } from '../output/text/width.ts'
import type { Writer } from '../output/writer.ts'
import { withProgress } from './progress.ts'
import { DEFAULT_WIDTH, openScreen } from './screen.ts'

const TICK_MS = 500
const FIRST_BACKOFF_MS = 1000
const LONGEST_BACKOFF_MS = 30_000

export interface Watched<Source> {
  /** Connects: at first, and again when the connection is lost. */
  open: () => Promise<Source>
  draw: (writer: Writer, source: Source) => Promise<void>
}

/**
 * Draws again and again until interrupted; a terminal of another size at once. A lost connection is made again,
 * under the last frame.
 * @throws WfstoreError usage where stdout is no terminal, or the form no table; what the first frame throws; later what is
 *   no lost connection
 */
export async function watch<Source>(
  context: Context,
  options: GlobalOptions & { watch?: number | true },
  { open, draw }: Watched<Source>,
): Promise<void> {
  const { io } = context
  if (!io.stdout.isTTY || options.json || (options.output ?? 'table') !== 'table') {
    throw new WfstoreError('usage', '--watch needs a terminal and the table form', {
      hint: 'in a script, call the command again and again',
    })
  }
  const seconds = typeof options.watch === 'number' ? options.watch : DEFAULT_SECONDS
  const screen = openScreen(io)
  const color = useColor(options.color, true, context.env)
  const paint = painter(color)
  let head = ''
  let body: readonly string[] = []
  const show = (state: string, why = '') => {
    const about = state === '' ? '' : `; ${paint('yellow', state)}`
    const below = truncate(visible(why), io.stdout.columns || DEFAULT_WIDTH)
    const production = context.production()
    const mark = production ? [productionMark(production.name, production.database, color)] : []
    screen.draw([
      ...mark,
      `${head}, every ${seconds} s, Ctrl-C to stop${about}`,
      paint('dim', below),
      ...body,
    ])
  }
  let wake = new AbortController()
  const resized = () => wake.abort()
  io.stdout.on('resize', resized)
  // Interrupted, the command is over at once, whatever it waits for.
  io.signal.addEventListener('abort', screen.leave, { once: true })
  try {
    let source: Source | undefined
    let backoff = FIRST_BACKOFF_MS
    while (!io.signal.aborted) {
      wake = new AbortController()
      let pause = seconds * 1000
      try {
        const frame = async () => {
          source ??= await open()
          const opened = source
          return context.frame(options, (writer) => draw(writer, opened))
        }
        const text = await (head === ''
          ? withProgress(io, frame)
          : telling(io, frame, (waited) => show(`waiting for an answer (${waited} s)`)))
        head = io.now().toLocaleTimeString('en-GB', { timeZone: options.tz ?? io.timeZone })
        body = text.trimEnd().split('\n')
        backoff = FIRST_BACKOFF_MS
        show('')
      } catch (error) {
        if (head === '' || !isLost(error)) throw error
        source = undefined
        show('reconnecting…', error.message)
        pause = backoff
        backoff = Math.min(backoff * 2, LONGEST_BACKOFF_MS)
      }
      await io.sleep(pause, AbortSignal.any([io.signal, wake.signal])).catch(() => {})
    }
  } finally {
    io.stdout.off('resize', resized)
    screen.leave()
  }
}

/** What the work gives; how many seconds it has taken is told from the first on. */
async function telling<T>(
  io: Io,
  work: () => Promise<T>,
  tell: (seconds: number) => void,
): Promise<T> {
  const done = new AbortController()
  const began = io.now().getTime()
  const ticking = async () => {
    for (;;) {
      await io.sleep(TICK_MS, done.signal)
      if (done.signal.aborted) return
      const seconds = Math.floor((io.now().getTime() - began) / 1000)
      if (seconds > 0) tell(seconds)
    }
  }
  // An aborted wait rejects.
  ticking().catch(() => {})
  try {
    return await work()
  } finally {
    done.abort()
  }
}

const isLost = (error: unknown): error is WfstoreError =>
  error instanceof WfstoreError && error.code === 'unreachable'
