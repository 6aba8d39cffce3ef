import type { Command, Option } from 'commander'
import type { CommandDescription, FlagDescription } from '../../../server/api/description.ts'
import { explanationOf } from '../../help/page.ts'
import { referenceOf } from '../../help/reference.ts'
import { OPTION_SYNONYMS } from '../../help/suggest.ts'
import { kindOfOption } from '../../help/value-kinds.ts'
import { sortCandidates } from '../../options/sort.ts'
import { isList } from '../../options/values.ts'

/**
 * The description of a command with all its options, also those that its help page has no room for.
 * @param program its options are those of all commands
 */
export function describeCommand(command: Command, program?: Command): CommandDescription {
  const { command: path, arguments: given } = referenceOf(command)
  return {
    summary: command.summary(),
    description: command.description(),
    about: explanationOf(command).about,
    flags: [...command.options, ...(program?.options ?? [])].map((option) => flagOf(path, option)),
    argument: given[0],
  }
}

function flagOf(path: string, option: Option): FlagDescription {
  const columns = sortCandidates(option)
  const { choices, several, kind } = kindOfOption(path, option.long as string)
  const takesValue = option.required || option.optional
  return {
    name: nameOf(option),
    description: option.description,
    value: !takesValue ? 'none' : isList(option) ? 'list' : 'one',
    mandatory: option.mandatory,
    choices: columns ?? option.argChoices ?? choices,
    several: columns !== undefined || several === true,
    kind,
    default: option.defaultValueDescription ?? option.defaultValue,
    synonyms: (OPTION_SYNONYMS[option.long as string] ?? []).map((name) => name.replace(/^-+/, '')),
  }
}

const nameOf = ({ long }: Option): string => (long as string).slice(2)
