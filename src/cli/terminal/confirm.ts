import { once } from 'node:events'
import { WfstoreError } from '../../error.ts'
import { type Io, widthOfNotes } from '../io.ts'
import { wrap } from '../output/formats/paragraphs.ts'
import { show } from '../output/text/escape.ts'

export interface Question {
  /** --yes */
  yes?: boolean | undefined
  /** Without a terminal: proceed, for deploys and cron, or refuse. */
  unattended: 'proceed' | 'refuse'
  /** On a production database: the name of the profile, to be typed instead of y. */
  production?: string | undefined
}

/** Whether there is a terminal to ask a question on. */
export const isAttended = ({ stdin, stderr }: Io): boolean =>
  stdin.isTTY === true && stderr.isTTY === true

/**
 * Asks on the terminal before a change that cannot be undone.
 * @throws WfstoreError failed if the answer is no, usage if there is neither a terminal nor --yes
 */
export async function confirm(io: Io, question: string, options: Question): Promise<void> {
  if (options.yes) return
  if (!isAttended(io)) {
    if (options.unattended === 'proceed') return
    throw new WfstoreError(
      'usage',
      'confirmation required, but this is not a terminal; nothing was changed',
      {
        hint: 'use --yes',
      },
    )
  }
  const { production } = options
  const how = production === undefined ? '[y/N]' : `Type ${production} to continue:`
  const asked = `${show(question)} ${show(how)}`
  io.stderr.write(`${wrap(asked, 0, widthOfNotes(io) ?? asked.length).join('\n')} `)
  // Loaded here: commands that may ask, but seldom do, import this file.
  const { createInterface } = await import('node:readline')
  // With `terminal: false`, Ctrl-C remains a signal and the terminal itself edits the line.
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
    // Ctrl-C and Ctrl-D leave the cursor after the question.
    if (!answered) io.stderr.write('\n')
    lines.close()
  }
  throw new WfstoreError('failed', 'not confirmed; nothing was changed')
}
