import type { Command, Option } from 'commander'
import type {
  CommandDescription,
  FlagDescription,
  MemberDescription,
} from '../../../server/api/description.ts'
import { explanationOf } from '../../help/page.ts'
import { referenceOf } from '../../help/reference.ts'
import { OPTION_SYNONYMS } from '../../help/suggest.ts'
import { kindOfOption } from '../../help/value-kinds.ts'
import { sortCandidates } from '../../options/sort.ts'
import { isList, leastOf, wordsOfOption } from '../../options/values.ts'
import { type Column, visibleColumns } from '../../output/column.ts'
import { type Printed, printedBy } from '../../output/printed.ts'
import { readsReplica } from '../../reads.ts'

/**
 * The description of a command with all its options, also those that its help page has no room for.
 * @param program its options are those of all commands
 */
export async function describeCommand(
  command: Command,
  program?: Command,
): Promise<CommandDescription> {
  const { command: path, arguments: given } = referenceOf(command)
  return {
    summary: command.summary(),
    description: command.description(),
    about: explanationOf(command).about,
    reads: readsReplica(command),
    flags: [...command.options, ...(program?.options ?? [])].map((option) => flagOf(path, option)),
    argument: given[0],
    printed: await Promise.all(
      printedBy(command).map(async ({ flag, form, columns, ...more }) => ({
        flag,
        form,
        members: membersOf(await columns(), more),
      })),
    ),
  }
}

function membersOf(
  columns: readonly Column<never>[],
  { shape = {}, sometimes = [], kinds = {} }: Partial<Printed> = {},
): MemberDescription[] {
  const shown = visibleColumns(columns, undefined, 'json')
  return columns
    .filter(({ kind }) => kind !== 'bar')
    .map((column) => {
      const { name, value, columns: inner } = column
      const kind = kinds[name] ?? column.kind
      const field = value === undefined ? shape[name] : undefined
      return {
        name,
        kind,
        nullable: kind === 'rows' ? false : field && field.nullable === true,
        shown: sometimes.includes(name) ? 'sometimes' : shown.includes(column) ? 'always' : 'asked',
        members: kind === 'rows' ? membersOf(inner ?? []).filter(isShown) : undefined,
      }
    })
}

/** Nested rows have no --columns. */
const isShown = ({ shown }: MemberDescription): boolean => shown !== 'asked'

function flagOf(path: string, option: Option): FlagDescription {
  const columns = sortCandidates(option)
  const { choices, kind } = kindOfOption(path, option.long as string)
  const takesValue = option.required || option.optional
  return {
    name: nameOf(option),
    description: option.description,
    value: !takesValue ? 'none' : isList(option) ? 'list' : 'one',
    mandatory: option.mandatory,
    choices: columns ?? wordsOfOption(option),
    examples: choices,
    least: leastOf(option),
    kind,
    default: option.defaultValueDescription ?? option.defaultValue,
    synonyms: (OPTION_SYNONYMS[option.long as string] ?? []).map((name) => name.replace(/^-+/, '')),
  }
}

const nameOf = ({ long }: Option): string => (long as string).slice(2)
