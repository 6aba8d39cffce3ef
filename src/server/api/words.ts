import { WfstoreError } from '../../error.ts'
import { nearest } from '../../nearest.ts'
import type { CommandDescription, FlagDescription } from './description.ts'

/** Flags that are not parameters, and why. A test compares this list with the flags of the commands. */
export const NOT_PARAMETERS: Readonly<Record<string, string>> = {
  'database-url': 'the server has one database',
  'reports-url': 'the server has one replica',
  'max-lag': 'the server has one bound',
  profile: 'the server has no config file',
  schema: 'the server has one schema',
  json: 'the header Accept, or the parameter output, selects the format',
  'no-headers': 'CSV and TSV always have a header',
  color: 'an answer has no colours',
  verbose: 'an answer has no stack trace and no SQL',
  version: 'the version is in /openapi.json',
  watch: 'an answer ends',
  follow: 'an answer ends',
  'exit-code': 'an answer has no exit code',
  out: 'the server writes no file',
  'file-mode': 'the server writes no file',
  open: 'the server opens no browser',
  output: 'it selects the format, like the header Accept',
}

/** The flags of a command that are parameters. @param without flags that this use of the command leaves out */
export const parametersOf = (
  { flags }: CommandDescription,
  without: readonly string[] = [],
): FlagDescription[] =>
  flags.filter(({ name }) => !(name in NOT_PARAMETERS) && !without.includes(name))

/**
 * The words of parameters for the command line. A value is always in the word of its flag, so that nothing in a request
 * becomes another flag.
 * @throws WfstoreError usage for an unknown parameter, and for a flag with a value that is not true or false
 */
export function wordsOf(
  command: CommandDescription,
  parameters: Iterable<readonly [name: string, value: string]>,
  without: readonly string[] = [],
): string[] {
  const known = parametersOf(command, without)
  return [...parameters].flatMap(([name, value]) => {
    const flag = known.find((each) => each.name === name)
    if (!flag) throw unknownParameter(name, known)
    // PostgreSQL has no such character.
    if (value.includes('\0'))
      throw new WfstoreError('usage', `the value of ${name} has a zero character`)
    if (flag.value !== 'none') return [`--${name}=${value}`]
    return isGiven(name, value) ? [`--${name}`] : []
  })
}

/** The id of a path is a word of its own. @throws WfstoreError usage if it would be another flag */
export function assertNoFlag(id: string | undefined): void {
  if (id?.startsWith('-'))
    throw new WfstoreError('usage', `${JSON.stringify(id)} is not an id`, {
      hint: 'use a UUID, or at least its first 8 characters',
    })
}

function isGiven(name: string, value: string): boolean {
  if (value === '' || value === '1' || value === 'true') return true
  if (value === '0' || value === 'false') return false
  throw new WfstoreError('usage', `the value of ${name} is invalid: ${JSON.stringify(value)}`, {
    hint: 'use true or false',
  })
}

function unknownParameter(name: string, known: readonly FlagDescription[]): WfstoreError {
  const meant =
    known.find(({ synonyms }) => synonyms.includes(name))?.name ??
    nearest(
      name.replace(/([a-z])([A-Z])/g, '$1-$2').replaceAll('_', '-'),
      known.map((each) => each.name),
    )
  return new WfstoreError('usage', `unknown parameter ${JSON.stringify(name)}`, {
    hint: meant
      ? `did you mean ${meant}?`
      : known.length === 0
        ? 'remove it'
        : `use ${known.map((each) => each.name).join(', ')}`,
  })
}
