import type { Command, Help, Option } from 'commander'

/** The parts of a help page that commander does not know. */
export interface Explanation {
  /** Notes, wrapped to the width of the page. */
  about?: string
  /** Exit codes that `wfstore help exit-codes` does not explain. */
  exit?: string
  /** Command lines; a test runs each of them. */
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
export type HelpRow = readonly [term: string, description: string]

/** The help page of a command, at most 24 lines: its own options, without the global ones. */
export function formatPage(command: Command, help: Help): string {
  const width = widthOf(help)
  const { about, exit, examples } = explanationOf(command)
  const options = optionRows(help.visibleOptions(command))
  const below = commandRows(help.visibleCommands(command))
  // A single subcommand needs no list.
  const listed = below.length === 1 && options.length > 0 ? [] : below
  const others = below
    .filter((row) => !listed.includes(row))
    .map(([term]) => [...pathOf(command), term].join(' '))
  const paragraph = (text: string) => help.boxWrap(text, width)
  const parts = [
    `Usage: ${usageOf(command)}`,
    paragraph(help.commandDescription(command)),
    section('Arguments:', argumentRows(command), help),
    section('Options:', options, help),
    section(command.name() === 'help' ? 'Topics:' : 'Commands:', listed, help),
    [
      ...(about === undefined ? [] : [about]),
      ...(exit === undefined ? [] : [`Exit codes: ${exit}`]),
      `See also: ${[...others, ...SEE_ALSO].join(', ')}`,
    ]
      .map(paragraph)
      .join('\n'),
    ...(examples.length === 0
      ? []
      : [`Examples:\n${examples.map((line) => `  ${line}`).join('\n')}`]),
  ]
  return `${parts.filter((part) => part !== '').join('\n\n')}\n`
}

/** Pages are no wider than this, on a wider terminal too. */
export const PAGE_WIDTH = 80

export const widthOf = ({ helpWidth = PAGE_WIDTH }: Help) => helpWidth

const SEE_ALSO = ['wfstore help options', 'wfstore help exit-codes']

/** The usage line, with the required options: `wfstore cost --by <keys> [options]`. */
export function usageOf(command: Command): string {
  const required = command.options.filter(({ mandatory }) => mandatory).map(termOf)
  // commander writes <id...>, where gh, kubectl and git write <id>...
  const usage = command.usage().replace(/\.\.\.([>\]])/g, '$1...')
  return [...pathOf(command), ...required, usage].join(' ')
}

/** ['wfstore', 'executions', 'list'] */
export function pathOf(command: Command): string[] {
  return [...(command.parent ? pathOf(command.parent) : []), command.name()]
}

/** A heading and rows in two columns; '' without rows. */
export function section(heading: string, rows: readonly HelpRow[], help: Help): string {
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

const argumentRows = (command: Command): HelpRow[] =>
  command.registeredArguments
    .filter(({ description }) => description !== '')
    .map((argument) => [
      argument.name(),
      withDefault(argument.description, argument.defaultValue, argument.argChoices),
    ])

/** Options that share the row of the first one. */
const SHARED = [
  ['--mode', '--model'],
  ['--session', '--parent'],
  ['--since', '--until'],
  ['--page', '--cursor'],
  ['--quiet', '--abandon'],
] as const

/** Without --help. */
export function optionRows(options: readonly Option[]): HelpRow[] {
  const find = (name: string) => options.find(({ long }) => long === name)
  const pairs = SHARED.flatMap(([first, second]) => {
    const [one, other] = [find(first), find(second)]
    return one && other ? [{ one, other }] : []
  })
  return options
    .filter((option) => option.long !== '--help' && !pairs.some(({ other }) => other === option))
    .map((option) => {
      const pair = pairs.find(({ one }) => one === option)
      const term = pair ? `${option.long}, ${termOf(pair.other)}` : termOf(option)
      return [term, descriptionOf(option)]
    })
}

const termOf = ({ flags }: Option): string => flags

export const descriptionOf = (option: Option): string =>
  withDefault(
    option.description,
    option.defaultValueDescription ?? option.defaultValue,
    option.argChoices,
  )

function withDefault(text: string, value: unknown, choices: readonly string[] = []): string {
  const extra = [
    ...(choices.length > 0 ? [choices.join(', ')] : []),
    ...(value === undefined || typeof value === 'boolean' ? [] : [`default: ${value}`]),
  ]
  return extra.length === 0 ? text : `${text} (${extra.join('; ')})`
}

const commandRows = (commands: readonly Command[]): HelpRow[] =>
  commands.map((command) => [
    [command.name(), ...command.registeredArguments.map(termOfArgument)].join(' '),
    command.summary() || command.description(),
  ])

const termOfArgument = (argument: Command['registeredArguments'][number]): string => {
  const name = argument.required ? `<${argument.name()}>` : `[${argument.name()}]`
  return argument.variadic ? `${name}...` : name
}
