import { type Command, CommanderError } from 'commander'
import { sqlStateOf } from '../../../db/query/errors.ts'
import { WfstoreError } from '../../../error.ts'
import { asWfstoreError, forCommandLine } from '../../command-error.ts'
import { pathOf } from '../../help/page.ts'

/** Messages of commander as the API says them. */
const MESSAGES: readonly [message: RegExp, words: string][] = [
  [/^option '(?:-\w, )?--([\w-]+)[^']*' argument '/, "the value of $1 is invalid: '"],
  [/' is invalid\. (It|The|Allowed)/, "'. $1"],
  [/^required option '(?:-\w, )?--([\w-]+)[^']*' not specified$/, '$1 is required'],
  [/The option can be given only once/, 'The parameter can be given only once'],
]

/** An error of a command with the names of parameters instead of flags. An unknown error stays as it is. */
export function inApiWords(error: unknown, command: Command): unknown {
  const isKnown = error instanceof WfstoreError || error instanceof CommanderError
  if (!isKnown && sqlStateOf(error) === undefined) return error
  const known = asWfstoreError(error, command)
  const { code, message, hint } = forCommandLine(known, command)
  const isCommander = known.cause instanceof CommanderError
  const text = isCommander
    ? MESSAGES.reduce((words, [pattern, by]) => words.replace(pattern, by), message)
    : message
  const help = `\`${pathOf(command).join(' ')} --help\``
  return new WfstoreError(code, withParameters(text, command), {
    hint: hint?.includes(help) ? undefined : hint && withParameters(hint, command),
    cause: error,
  })
}

/** Replaces the flags of the command in a text: `--stuck-after` is the parameter `stuck-after`. */
export function withParameters(text: string, command: Command): string {
  const known = new Set<string | undefined>()
  for (let at: Command | null = command; at; at = at.parent)
    for (const { long } of at.options) known.add(long)
  // Commands in hints keep their flags.
  return text
    .split(/(`[^`]*`)/)
    .map((part, index) =>
      index % 2 === 1
        ? part
        : part.replace(/(?<![\w-])--[a-z][a-z-]*/g, (flag) =>
            known.has(flag) ? flag.slice(2) : flag,
          ),
    )
    .join('')
}
