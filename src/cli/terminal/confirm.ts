import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { WfstoreError } from '../../error.ts'
import type { Io } from '../io.ts'
import { show } from '../output/text/escape.ts'

export interface Question {
  /** --yes */
  yes?: boolean | undefined
  /** Without a terminal: go on, as a deploy and cron need it, or refuse. */
  unattended: 'go on' | 'refuse'
  /** The profile's name, which is typed in place of yes where the database is production. */
  production?: string | undefined
}

/** Is somebody there who can be asked? */
export const isAttended = ({ stdin, stderr }: Io): boolean =>
  stdin.isTTY === true && stderr.isTTY === true

/**
 * Asks on the terminal before something that cannot be undone.
 * @throws WfstoreError failed where the answer is no, usage where nobody can answer and --yes is not given
 */
export async function confirm(io: Io, question: string, options: Question): Promise<void> {
  if (options.yes) return
  if (!isAttended(io)) {
    if (options.unattended === 'go on') return
    throw new WfstoreError('usage', 'nobody is there to be asked; nothing was changed', {
      hint: 'confirm it with --yes',
    })
  }
  const { production } = options
  const how = production === undefined ? '[y/N]' : `Type ${production} to go on:`
  io.stderr.write(`${show(question)} ${show(how)} `)
  // Not as a terminal: Ctrl-C stays a signal, and the terminal itself edits the line.
  const lines = createInterface({ input: io.stdin, terminal: false })
  let answered = false
  try {
    const [answer] = await Promise.race([
      once(lines, 'line', { signal: io.signal }),
      once(lines, 'close'),
    ])
    answered = answer !== undefined
    const typed = String(answer ?? '').trim()
    if (production === undefined ? /^y(es)?$/i.test(typed) : typed === production) return
  } finally {
    // Ctrl-C and Ctrl-D leave the cursor behind the question.
    if (!answered) io.stderr.write('\n')
    lines.close()
  }
  throw new WfstoreError('failed', 'not confirmed; nothing was changed')
}
