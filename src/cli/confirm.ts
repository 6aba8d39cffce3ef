import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { WfstoreError } from '../error.ts'
import type { Io } from './context.ts'

export interface Question {
  /** --yes */
  yes?: boolean | undefined
  /** Without a terminal: go on, as a deploy and cron need it, or refuse. */
  unattended: 'go on' | 'refuse'
}

/**
 * Asks on the terminal before something that cannot be undone.
 * @throws WfstoreError failed where the answer is no, usage where nobody can answer and --yes is not given
 */
export async function confirm(io: Io, question: string, options: Question): Promise<void> {
  if (options.yes) return
  if (!io.stdin.isTTY || !io.stderr.isTTY) {
    if (options.unattended === 'go on') return
    throw new WfstoreError('usage', 'nobody is there to be asked; nothing was changed', {
      hint: 'confirm it with --yes',
    })
  }
  io.stderr.write(`${question} [y/N] `)
  // Not as a terminal: Ctrl-C stays a signal, and the terminal itself edits the line.
  const lines = createInterface({ input: io.stdin, terminal: false })
  try {
    const [answer] = await Promise.race([
      once(lines, 'line', { signal: io.signal }),
      once(lines, 'close'),
    ])
    if (/^y(es)?$/i.test(String(answer ?? '').trim())) return
  } finally {
    lines.close()
  }
  throw new WfstoreError('failed', 'not confirmed; nothing was changed')
}
