import type { Command, Help, Option } from 'commander'

/** What the page of a command says beside its options. */
export interface Explanation {
  /** Paragraphs, wrapped to the width of the page. */
  about?: string
  /** Where the exit codes are not those that `wfstore help exit-codes` leads one to expect. */
  exit?: string
  /** Command lines that work: a test runs each of them. */
  examples: readonly string[]
}

const explanations = new WeakMap<Command, Explanation>()

export function explain(command: Command, explanation: Explanation): Command {
  explanations.set(command, explanation)
  return command
}

export const explanationOf = (command: Command): Explanation =>
  explanations.get(command) ?? { examples: [] }

/** Term and description. */
export type Row = readonly [term: string, description: string]

/** The page of a command, for a screen of 24 lines: its own options, not those that every command has. */
export function formatPage(command: Command, help: Help): string {
  const width = widthOf(help)
  const { about, exit, examples } = explanationOf(command)
  const options = optionRows(help.visibleOptions(command))
  const below = commandRows(help.visibleCommands(command))
  // Of what only holds commands nobody asks for the options.
  const doesSomething = options.length > 0
  const paragraph = (text: string) => help.boxWrap(text, width)
  const parts = [
    `Usage: ${usageOf(command)}`,
    paragraph(help.commandDescription(command)),
    section('Arguments:', argumentRows(command), help),
    doesSomething
      ? section(`Options, beside those of every command (${SHARED}):`, options, help)
      : `Options of every command: ${SHARED}`,
    ...(below.length > 1 || !doesSomething ? [section('Commands:', below, help)] : []),
    [
      ...(below.length === 1 && doesSomething ? [`Also: ${alsoOf(command, below)}`] : []),
      ...(about === undefined ? [] : [about]),
      exit === undefined ? 'Exit codes: wfstore help exit-codes' : `Exit code: ${exit}`,
    ]
      .map(paragraph)
      .join('\n'),
    ...(examples.length === 0
      ? []
      : [`Examples:\n${examples.map((line) => `  ${line}`).join('\n')}`]),
  ]
  return `${parts.filter((part) => part !== '').join('\n\n')}\n`
}

/** Of a page, whose lines are no longer on a wider terminal. */
export const PAGE_WIDTH = 80

export const widthOf = ({ helpWidth = PAGE_WIDTH }: Help) => helpWidth

const SHARED = 'wfstore help options'

/** One command beside what the command does itself needs no list. */
const alsoOf = (command: Command, rows: readonly Row[]): string =>
  rows
    .map(([term, description]) => `${[...pathOf(command), term].join(' ')}: ${description}`)
    .join('; ')

/** Without what must be given it is no usage. */
export function usageOf(command: Command): string {
  const required = command.options.filter(({ mandatory }) => mandatory).map(termOf)
  return [...pathOf(command), ...required, command.usage()].join(' ')
}

/** ['wfstore', 'executions', 'list'] */
export function pathOf(command: Command): string[] {
  return [...(command.parent ? pathOf(command.parent) : []), command.name()]
}

/** A heading and rows in two columns; '' without rows. */
export function section(heading: string, rows: readonly Row[], help: Help): string {
  if (rows.length === 0) return ''
  const term = Math.max(...rows.map(([text]) => text.length))
  const room = widthOf(help) - term - 4
  const lines = rows.map(([text, description]) => {
    const [first, ...more] = help.boxWrap(description, room).split('\n')
    return [
      `  ${text.padEnd(term)}  ${first}`,
      ...more.map((line) => `${' '.repeat(term + 4)}${line}`),
    ].join('\n')
  })
  return [heading, ...lines].join('\n')
}

const argumentRows = (command: Command): Row[] =>
  command.registeredArguments
    .filter(({ description }) => description !== '')
    .map((argument) => [
      argument.name(),
      withDefault(argument.description, argument.defaultValue, argument.argChoices),
    ])

/** --help is left out, since it has been given; --since and --until are one row. */
export function optionRows(options: readonly Option[]): Row[] {
  const until = options.find(({ long }) => long === '--until')
  const since = options.find(({ long }) => long === '--since')
  return options
    .filter((option) => option.long !== '--help' && !(since && option === until))
    .map((option) => [
      until && option === since ? '--since, --until <time>' : termOf(option),
      descriptionOf(option),
    ])
}

export const termOf = ({ flags }: Option): string => flags

export const descriptionOf = ({ description, defaultValue, argChoices }: Option): string =>
  withDefault(description, defaultValue, argChoices)

function withDefault(text: string, value: unknown, choices: readonly string[] = []): string {
  const extra = [
    ...(choices.length > 0 ? [choices.join(', ')] : []),
    ...(value === undefined || typeof value === 'boolean' ? [] : [`default: ${value}`]),
  ]
  return extra.length === 0 ? text : `${text} (${extra.join('; ')})`
}

export const commandRows = (commands: readonly Command[]): Row[] =>
  commands.map((command) => [
    [command.name(), ...command.registeredArguments.map(termOfArgument)].join(' '),
    command.summary() || command.description(),
  ])

const termOfArgument = (argument: Command['registeredArguments'][number]): string => {
  const name = `${argument.name()}${argument.variadic ? '...' : ''}`
  return argument.required ? `<${name}>` : `[${name}]`
}
