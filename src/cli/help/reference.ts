import type { Argument, Command, Option } from 'commander'
import { sortCandidates } from '../options/sort.ts'
import { descriptionOf, explanationOf, pathOf, usageOf } from './page.ts'
import { kindOfArgument, kindOfOption, type ValueKind } from './value-kinds.ts'

export interface ArgumentReference extends ValueKind {
  name: string
  description: string
  required: boolean
  variadic: boolean
}

export interface OptionReference extends ValueKind {
  description: string
  flags: string
  long: string
  short?: string
  /** 'none' for an option without a value. */
  value: 'required' | 'optional' | 'none'
  mandatory: boolean
  default?: unknown
}

export interface CommandReference {
  /** Such as 'executions list'; '' for the program itself. */
  command: string
  /** Other names of its last word. */
  aliases?: readonly string[]
  usage: string
  summary: string
  description: string
  arguments: ArgumentReference[]
  options: OptionReference[]
  about?: string
  exit?: string
  examples: readonly string[]
  commands: CommandReference[]
}

/** A command with its subcommands, as `wfstore help --json` prints it. */
export function referenceOf(command: Command): CommandReference {
  const help = command.createHelp()
  const name = pathOf(command).slice(1).join(' ')
  return {
    command: name,
    ...(command.aliases().length > 0 ? { aliases: command.aliases() } : {}),
    usage: usageOf(command),
    summary: command.summary() || command.description(),
    description: command.description(),
    arguments: command.registeredArguments.map((argument) => argumentOf(name, argument)),
    options: help
      .visibleOptions(command)
      .filter(({ long }) => long !== '--help')
      .map((option) => optionOf(name, option)),
    ...explanationOf(command),
    commands: help.visibleCommands(command).map(referenceOf),
  }
}

const argumentOf = (command: string, argument: Argument): ArgumentReference => ({
  name: argument.name(),
  description: argument.description,
  required: argument.required,
  variadic: argument.variadic,
  ...kindOfArgument(command),
})

function optionOf(command: string, option: Option): OptionReference {
  const { flags, long, short, mandatory, defaultValue, argChoices } = option
  const columns = sortCandidates(option)
  return {
    flags,
    long: long as string,
    ...(short ? { short } : {}),
    description: descriptionOf(option),
    value: option.required ? 'required' : option.optional ? 'optional' : 'none',
    mandatory,
    ...(defaultValue === undefined ? {} : { default: defaultValue }),
    ...(columns
      ? { choices: columns, several: true as const }
      : argChoices
        ? { choices: argChoices }
        : option.required || option.optional
          ? kindOfOption(command, long as string)
          : {}),
  }
}
