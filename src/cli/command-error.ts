import { type Command, CommanderError } from 'commander'
import { databaseError } from '../db/query/errors.ts'
import { WfstoreError } from '../error.ts'
import { pathOf } from './help/page.ts'
import { commandNamed, defaultOf } from './options/default-command.ts'
import { withFlags } from './options/flags.ts'

/** Longer messages, from arguments or from a server, are shortened. */
const LONGEST_MESSAGE = 1000

export function forCommandLine(
  { code, message, hint }: WfstoreError,
  command: Command,
): WfstoreError {
  const text =
    message.length <= LONGEST_MESSAGE
      ? message
      : `${message.slice(0, LONGEST_MESSAGE / 2)} … ${message.slice(-LONGEST_MESSAGE / 2)}`
  return new WfstoreError(code, text, { hint: hint && withFlags(hint, command) })
}

/** commander errors whose hint is the help of the command. */
const MISUSED = /^commander\.(missingMandatoryOptionValue|missingArgument|excessArguments)$/

/** The command that the words name, and the first word after it. */
export function commandOf(
  program: Command,
  argv: readonly string[],
): { command: Command; rest?: string } {
  let command = program
  for (const [index, word] of argv.entries()) {
    const next = commandNamed(command, word)
    // A word after an option may be its value.
    if (!next && !word.startsWith('-') && !argv[index - 1]?.startsWith('-'))
      return { command, rest: word }
    command = next ?? command
  }
  return { command }
}

/** The error; for an unknown command or option, one that says what was probably meant. */
export async function explained(
  error: unknown,
  command: Command,
  rest: string | undefined,
): Promise<unknown> {
  if (!(error instanceof CommanderError)) return error
  const [, kind, name = ''] = /^error: unknown (command|option) '(.*)'/.exec(error.message) ?? []
  const preset = defaultOf(command)
  // A group with a default command takes an unknown command for its argument.
  const isArgument = error.code === 'commander.excessArguments' && preset && rest !== undefined
  if (kind === undefined && !isArgument) return error
  const { suggestCommand, suggestOption } = await import('./help/suggest.ts')
  const word = isArgument ? rest : name
  const hint =
    kind === 'option' ? suggestOption(preset ?? command, word) : suggestCommand(command, word)
  return new WfstoreError('usage', `unknown ${kind ?? 'command'} '${word}'`, {
    hint: hint ?? `see \`${pathOf(command).join(' ')} --help\``,
    cause: error,
  })
}

export function asWfstoreError(error: unknown, command: Command): WfstoreError {
  if (error instanceof WfstoreError) return error
  if (error instanceof CommanderError) {
    const [message = ''] = error.message.replace(/^error: /, '').split('\n')
    return new WfstoreError('usage', message.replace(/\.$/, ''), {
      hint: MISUSED.test(error.code) ? `see \`${pathOf(command).join(' ')} --help\`` : undefined,
      cause: error,
    })
  }
  return databaseError(error)
}
