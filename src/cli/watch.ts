import { type Command, InvalidArgumentError } from 'commander'
import { WfstoreError } from '../error.ts'
import type { Context, GlobalOptions } from './context.ts'
import type { Writer } from './output/writer.ts'

const DEFAULT_SECONDS = 2

export function addWatch(command: Command): Command {
  return command.option(
    '--watch [seconds]',
    `redraw every so many seconds (default: ${DEFAULT_SECONDS}) until Ctrl-C`,
    parseSeconds,
  )
}

/**
 * Draws again and again until interrupted. A frame is put together first and sent in one piece over the last one,
 * so that nothing flickers.
 * @throws WfstoreError usage where stdout is no terminal, or the form no table
 */
export async function watch(
  context: Context,
  options: GlobalOptions & { watch?: number | true },
  draw: (writer: Writer) => Promise<void>,
): Promise<void> {
  const { io } = context
  if (!io.stdout.isTTY || options.json || (options.output ?? 'table') !== 'table') {
    throw new WfstoreError('usage', '--watch needs a terminal and the table form', {
      hint: 'in a script, call the command again and again',
    })
  }
  const seconds = typeof options.watch === 'number' ? options.watch : DEFAULT_SECONDS
  io.stdout.write(HIDE_CURSOR + CLEAR)
  try {
    while (!io.signal.aborted) {
      const frame = await context.frame(options, draw)
      const clock = io.now().toLocaleTimeString('en-GB', { timeZone: options.tz ?? io.timeZone })
      const lines = [
        `${clock}, every ${seconds} s, Ctrl-C ends`,
        '',
        ...frame.trimEnd().split('\n'),
      ]
      const drawn = cropped(lines, (io.stdout.rows ?? DEFAULT_ROWS) - 1)
      io.stdout.write(HOME + drawn.map((line) => line + CLEAR_LINE).join('\n') + CLEAR_BELOW)
      await io.sleep(seconds * 1000, io.signal).catch(() => {})
    }
  } finally {
    io.stdout.write(`${SHOW_CURSOR}\n`)
  }
}

/** What is cut off is said, so that nobody takes a part for the whole. */
function cropped(lines: string[], height: number): string[] {
  if (lines.length <= height) return lines
  const shown = lines.slice(0, height - 1)
  return [...shown, `… ${lines.length - shown.length} lines more than this terminal holds`]
}

const DEFAULT_ROWS = 24
const HIDE_CURSOR = '\x1b[?25l'
const SHOW_CURSOR = '\x1b[?25h'
const CLEAR = '\x1b[2J'
const HOME = '\x1b[H'
const CLEAR_LINE = '\x1b[K'
const CLEAR_BELOW = '\x1b[J'

function parseSeconds(text: string): number {
  const seconds = Number(text)
  if (!(seconds >= 0.5 && seconds <= 86_400))
    throw new InvalidArgumentError('Give a number of seconds from 0.5')
  return seconds
}
