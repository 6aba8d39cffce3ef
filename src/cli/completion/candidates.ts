import type { CommandReference, OptionReference } from '../help/reference.ts'
import type { ValueKind } from '../help/value-kinds.ts'

export interface Candidate {
  value: string
  description?: string
}

/** The candidates at the cursor. */
export interface CompletionRequest {
  /** Candidates that are known without a query. */
  candidates: Candidate[]
  /** The kind of values to look up that begin with `prefix`. */
  ask?: NonNullable<ValueKind['kind']>
  prefix: string
  /** Text before each value: '--user='. */
  before: string
  /** The word may continue after the value. */
  open: boolean
  /** The options before the cursor that choose the database. */
  database: string[]
}

const DATABASE = ['--database-url', '--profile', '--schema']

/** `words` are the words after `wfstore`. The last one, which may be '', is being typed. */
export function questionOf(program: CommandReference, words: readonly string[]): CompletionRequest {
  const current = words.at(-1) ?? ''
  const place = walk(program, words.slice(0, -1))
  const { at, expected, ended, position, database, inHelp } = place
  const known = { prefix: current, before: '', open: false, database, candidates: [] }
  if (expected) return { ...known, ...valuesOf(expected, current) }
  const [flag, ...rest] = current.split('=')
  if (!ended && current.startsWith('--') && current.includes('=')) {
    const option = optionsOf(program, at).find(({ long }) => long === flag)
    const values = option && option.value !== 'none' ? valuesOf(option, rest.join('=')) : NONE
    return { ...known, prefix: rest.join('='), ...values, before: `${flag}=` }
  }
  if (!ended && current.startsWith('-')) {
    const options = optionsOf(program, at)
      .filter(({ long }) => long.startsWith(current))
      .map(({ long, description }) => ({ value: long, description }))
    return { ...known, candidates: options }
  }
  const argument = at.arguments[Math.min(position, at.arguments.length - 1)]
  const fits = argument && !inHelp && (position < at.arguments.length || argument.variadic)
  const commands = (position === 0 ? subcommandsOf(program, at) : [])
    .filter(({ value }) => value.startsWith(current))
    .sort((a, b) => a.value.localeCompare(b.value))
  // The shell completes files itself, without these words. A word that begins a command is no file.
  const isCommand = argument?.kind === 'file' && current !== '' && commands.length > 0
  const values = fits && !isCommand ? valuesOf(argument, current) : NONE
  return { ...known, ...values, candidates: [...commands, ...values.candidates] }
}

const NONE = { candidates: [] }

interface Place {
  at: CommandReference
  /** The option whose value is next. */
  expected?: OptionReference
  /** Whether -- has ended the options. */
  ended: boolean
  /** The number of arguments so far. */
  position: number
  database: string[]
  /** After `help`, command names are arguments. */
  inHelp: boolean
}

function walk(program: CommandReference, words: readonly string[]): Place {
  const place: Place = { at: program, ended: false, position: 0, database: [], inHelp: false }
  for (const word of words) {
    const { at, expected } = place
    if (expected) {
      if (DATABASE.includes(expected.long)) place.database.push(expected.long, word)
      delete place.expected
    } else if (!place.ended && word === '--') place.ended = true
    else if (!place.ended && /^-./.test(word)) {
      const [name, value] = word.split(/=(.*)/s)
      const option = optionsOf(program, at).find(({ long, short }) => [long, short].includes(name))
      if (option?.value === 'required' && value === undefined) place.expected = option
      else if (name && value !== undefined && DATABASE.includes(name))
        place.database.push(name, value)
    } else {
      const next = subcommandsOf(program, at).find(
        ({ value, of }) => value === word || of.aliases?.includes(word),
      )?.of
      place.inHelp ||= at.command === 'help'
      if (next && place.position === 0) place.at = next
      else place.position++
    }
  }
  return place
}

const lastWord = ({ command }: CommandReference) => command.split(' ').at(-1) as string

const optionsOf = (program: CommandReference, at: CommandReference): OptionReference[] => [
  ...at.options,
  ...(at === program ? [] : program.options.filter(({ long }) => long !== '--version')),
  { ...HELP },
]

const HELP: OptionReference = {
  flags: '-h, --help',
  long: '--help',
  short: '-h',
  description: 'print help',
  value: 'none',
  mandatory: false,
}

/** `help` is followed by command names. */
function subcommandsOf(
  program: CommandReference,
  at: CommandReference,
): (Candidate & { of: CommandReference })[] {
  const commands = at.command === 'help' ? [...at.commands, ...program.commands] : at.commands
  return commands.map((of) => ({ value: lastWord(of), description: of.summary, of }))
}

function valuesOf(
  { kind, choices = [], several }: Pick<OptionReference, 'kind' | 'choices' | 'several'>,
  typed: string,
): Partial<CompletionRequest> & { candidates: Candidate[] } {
  if (!several)
    return {
      ...(kind === undefined || kind === 'text' ? {} : { ask: kind }),
      candidates: choices.filter((word) => word.startsWith(typed)).map((value) => ({ value })),
    }
  const given = typed.split(',').slice(0, -1)
  const before = given.map((word) => `${word},`).join('')
  const left = choices.filter((word) => !given.includes(word)).map((word) => before + word)
  return {
    open: true,
    candidates: left.filter((value) => value.startsWith(typed)).map((value) => ({ value })),
  }
}
