import type { Environment } from '../../db/connect/libpq.ts'
import type { CommandReference } from '../help/reference.ts'
import type { Io } from '../io.ts'
import { bashReply, splitLine, type Typed } from './bash-line.ts'
import type { Candidate, CompletionRequest } from './candidates.ts'
import { questionOf } from './candidates.ts'

const MOST_MS = 60_000
const USUAL_MS = 300

/**
 * Answers the completion request of a shell. `argv` is 'bash', its COMP_WORDBREAKS and the line up to the cursor, or
 * 'zsh' or 'fish' and the words. The answer is a NUL-terminated list: the action (`words`, `open`: words without a space
 * after them, `files`, `folders`), then for bash the text to insert, for the others each value and its description.
 * On any error the list is empty.
 */
export async function complete(
  argv: readonly string[],
  io: Io,
  env: Environment,
  program: CommandReference,
): Promise<string> {
  const [shell, ...rest] = argv
  const typed: Typing | undefined =
    shell === 'bash' ? typedInBash(rest[1] ?? '') : { words: rest, redirected: false }
  if (!typed) return ''
  if (typed.redirected) return records('files')
  const question = questionOf(program, typed.words)
  const { ask, open, before } = question
  if (ask === 'file' || ask === 'folder') return records(`${ask}s`)
  const found = [...question.candidates, ...(ask ? await askFor(ask, question, io, env) : [])]
  const safe = found
    .filter(({ value }) => isSafe(value) && (shell !== 'fish' || !/[\n\t]/.test(value)))
    .map((candidate) => ({ ...candidate, value: before + candidate.value }))
  const { word } = typed
  if (!word) return records(kindOf(open), ...safe.flatMap(described))
  const replies = safe.map(({ value }) => bashReply(value, word, rest[0] ?? ''))
  return records(kindOf(open), ...replies.filter((reply) => reply !== undefined))
}

const kindOf = (open: boolean) => (open ? 'open' : 'words')

const records = (...fields: string[]) => fields.map((field) => `${field}\0`).join('')

const described = ({ value, description = '' }: Candidate) => [
  value,
  isSafe(description) ? description.replaceAll(/\s+/g, ' ') : '',
]

interface Typing {
  words: string[]
  /** The last word in bash. */
  word?: Typed | undefined
  redirected: boolean
}

function typedInBash(line: string): Typing | undefined {
  const { words, redirected } = splitLine(line)
  // The command may follow variable assignments and other text.
  const program = words.findIndex(({ text }) => /(^|[\\/])wfstore$/.test(text))
  if (program < 0 || (program === words.length - 1 && !redirected)) return undefined
  const texts = words.slice(program + 1).map(({ text }) => text)
  return { words: texts, word: words.at(-1), redirected }
}

/** Whether a terminal shows all of it and runs no control sequence. */
const isSafe = (value: string) =>
  value.length <= 200 &&
  !/[\p{Cs}\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]|(?![\n\t])\p{Cc}/u.test(value)

/** The result within the time limit, or nothing. */
async function askFor(
  ask: NonNullable<CompletionRequest['ask']>,
  question: CompletionRequest,
  io: Io,
  env: Environment,
): Promise<Candidate[]> {
  const { prefix } = question
  const startsLikeIt = (value: string) => value.startsWith(prefix)
  if (ask === 'zone')
    return ['UTC', ...Intl.supportedValuesOf('timeZone').filter((name) => name.includes('/'))]
      .filter(startsLikeIt)
      .map(plain)
  if (ask === 'month')
    return ['this', 'last', ...lastMonths(io.now())].filter(startsLikeIt).map(plain)
  const ms = Math.min(Number(env.WFSTORE_COMPLETION_MS || USUAL_MS), MOST_MS)
  if (!(ms > 0)) return []
  const done = new AbortController()
  const asked = import('./from-database.ts').then(({ askStore }) =>
    askStore(ask, question, io, env, ms),
  )
  const late = io.sleep(ms, done.signal).then(() => [])
  try {
    return await Promise.race([asked, late])
  } catch {
    return []
  } finally {
    late.catch(() => {})
    asked.catch(() => {})
    done.abort()
  }
}

const plain = (value: string): Candidate => ({ value })

const MONTHS = 24

function lastMonths(now: Date): string[] {
  return Array.from({ length: MONTHS }, (_, back) =>
    new Date(Date.UTC(now.getUTCFullYear(), now.getUTCMonth() - back)).toISOString().slice(0, 7),
  )
}
