import { WfstoreError } from '../../error.ts'
import type { Context } from '../context.ts'
import { type GlobalOptions, useColor } from '../options/global.ts'
import { DEFAULT_SECONDS } from '../options/watch.ts'
import { wrap } from '../output/formats/paragraphs.ts'
import { show as visible } from '../output/text/escape.ts'
import { productionMark } from '../output/text/production.ts'
import { painter } from '../output/text/style.ts'
import { truncate } from '../output/text/width.ts'
import type { Writer } from '../output/writer.ts'
import { readKeys } from './keys.ts'
import { whileTicking, withProgress } from './progress.ts'
import { DEFAULT_WIDTH, openScreen } from './screen.ts'

const TICK_MS = 500
const FIRST_BACKOFF_MS = 1000
const LONGEST_BACKOFF_MS = 30_000

export interface Watched<Source> {
  /** Connects, and reconnects after a lost connection. */
  open: () => Promise<Source>
  draw: (writer: Writer, source: Source) => Promise<void>
}

/**
 * Draws until q or an interruption, and immediately when the size of the terminal changes. After a lost connection it reconnects
 * and keeps the last frame.
 * @throws WfstoreError usage if stdout is not a terminal or the format is not a table; any error of the first frame; later
 *   any error but a lost connection
 */
export async function watch<Source>(
  context: Context,
  options: GlobalOptions & { watch?: number | true },
  { open, draw }: Watched<Source>,
): Promise<void> {
  const { io } = context
  if (!io.stdout.isTTY || options.json || (options.output ?? 'table') !== 'table') {
    throw new WfstoreError('usage', '--watch requires a terminal and table output', {
      hint: 'in a script, run the command in a loop',
    })
  }
  const seconds = typeof options.watch === 'number' ? options.watch : DEFAULT_SECONDS
  const screen = openScreen(io)
  const keys = readKeys(io)
  const zone = options.tz ?? io.timeZone
  const end = keys.areRead ? 'q to quit' : 'Ctrl-C to stop'
  const color = useColor(options.color, true, context.env)
  const paint = painter(color)
  let head = ''
  let body: readonly string[] = []
  const show = (state: string, why = '') => {
    const width = io.stdout.columns || DEFAULT_WIDTH
    const about = state === '' ? '' : `; ${state}`
    const below = truncate(visible(why), width)
    const production = context.production()
    const mark = production ? [productionMark(production.name, production.database, color)] : []
    screen.draw([
      ...mark,
      ...wrap(`${head} ${zone}, every ${seconds} s, ${end}${about}`, 0, width).map((line) =>
        state === '' ? line : line.replace(state, paint('yellow', state)),
      ),
      paint('dim', below),
      ...body,
    ])
  }
  let wake = new AbortController()
  const resized = () => wake.abort()
  io.stdout.on('resize', resized)
  const leave = () => {
    screen.leave()
    keys.leave()
  }
  // An interruption ends the command immediately.
  io.signal.addEventListener('abort', leave, { once: true })
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
          return context.frame(options, (writer) => draw(writer, opened), true)
        }
        const began = io.now().getTime()
        const wait = () => {
          const seconds = Math.floor((io.now().getTime() - began) / 1000)
          if (seconds > 0) show(`waiting for an answer (${seconds}s)`)
        }
        const text = await (head === ''
          ? withProgress(io, frame)
          : whileTicking(io, TICK_MS, wait, frame))
        head = io.now().toLocaleTimeString('en-GB', { timeZone: zone })
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
    leave()
  }
}

const isLost = (error: unknown): error is WfstoreError =>
  error instanceof WfstoreError && error.code === 'unreachable'
