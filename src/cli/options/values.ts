import { type Command, InvalidArgumentError, type Option } from 'commander'
import { type IdKind, rangeOf } from '../../queries/ids.ts'
import type { OneOrMore } from '../../queries/table/filter.ts'
import { isTagKey, type TagKey } from '../../queries/table/tag.ts'

/** Rejects empty values: an unset shell variable must not widen a filter, a payment or a close. */
export function parseText(text: string): string {
  if (text === '') throw new InvalidArgumentError('It must not be empty')
  return text
}

/** The smallest number that a parser takes. */
const leasts = new WeakMap<object, number>()

/** The smallest value of an option that takes whole numbers. */
export const leastOf = ({ parseArg }: Option): number | undefined =>
  parseArg && leasts.get(parseArg)

/** A parser of whole numbers from `least` to `most`. */
export function wholeNumber(least: number, most = 999_999_999): (text: string) => number {
  const parse = (text: string): number => {
    const value = /^\d{1,9}$/.test(text) ? Number(text) : Number.NaN
    if (value >= least && value <= most) return value
    const range = most === 999_999_999 ? `of at least ${least}` : `from ${least} to ${most}`
    throw new InvalidArgumentError(`It must be a whole number ${range}`)
  }
  leasts.set(parse, least)
  return parse
}

type ListParser<Value> = (text: string, previous?: Value[]) => Value[]

const listParsers = new WeakSet<object>()

/** Marks a parser that adds to the values of an earlier occurrence of its option. */
export function list<Value>(parse: ListParser<Value>): ListParser<Value> {
  listParsers.add(parse)
  return parse
}

const wordLists = new WeakMap<object, readonly string[]>()

/** The only words that an option takes. */
export const wordsOfOption = ({ parseArg, argChoices }: Option): readonly string[] | undefined =>
  argChoices ?? (parseArg && wordLists.get(parseArg))

/** A parser of a comma-separated list of these words; the option can be repeated. */
export function listOf<Word extends string>(words: readonly Word[]): ListParser<Word> {
  const parse = listWhere(
    (name): name is Word => (words as readonly string[]).includes(name),
    words,
  )
  wordLists.set(parse, words)
  return parse
}

const listWhere = <Word extends string>(
  isOne: (name: string) => name is Word,
  words: readonly string[],
): ListParser<Word> =>
  list((text, previous = []) => {
    const names = text.split(',').map((name) => name.trim())
    if (names.every(isOne)) return [...previous, ...names]
    throw new InvalidArgumentError(`It must be one or more of ${words.join(', ')}`)
  })

/** Words that cannot be repeated, and tags: 'user,tag:team'. */
export const distinctOrTags = <Word extends string>(
  words: readonly Word[],
): ListParser<Word | TagKey> =>
  distinct(
    listWhere(
      (name): name is Word | TagKey =>
        (words as readonly string[]).includes(name) || (isTagKey(name) && name !== 'tag:'),
      [...words, 'tag:<name>'],
    ),
  )

const distinct = <Word extends string>(parse: ListParser<Word>): ListParser<Word> =>
  list((text, previous) => {
    const names = parse(text, previous)
    if (new Set(names).size === names.length) return names
    throw new InvalidArgumentError('It must not repeat a key')
  })

/** The texts of an option, before they were split. */
const texts = new WeakMap<readonly string[], readonly string[]>()

/**
 * A parser of the values of a filter. A text is a list with commas. If it is given twice it is one value, because an id or a
 * name may contain a comma.
 */
export const listOfValues = (parse: (text: string) => string = parseText): ListParser<string> =>
  list((text, previous = []) => {
    const given = [...(texts.get(previous) ?? previous), text]
    const isTwice = (one: string) => given.indexOf(one) !== given.lastIndexOf(one)
    const values = given.flatMap((one) =>
      isTwice(one) ? one : one.split(',').map((value) => value.trim()),
    )
    const parsed = [...new Set(values.map(parse))]
    texts.set(parsed, given)
    return parsed
  })

/** The same for ids, of which the first characters are enough. */
export const listOfIds = (kind: IdKind): ListParser<string> =>
  listOfValues((text) => {
    rangeOf(kind, text)
    return text
  })

/** A list of one is its value: a filter of one user is printed as one user. */
export const oneOrMore = (values: readonly string[] | undefined): OneOrMore | undefined =>
  values?.length === 1 ? values[0] : values

/** Rejects a second value of the options of a command that take one: commander would drop the first. */
export function rejectRepeats(command: Command): void {
  for (const option of command.options) {
    const { parseArg: parse } = option
    const takesValue = option.required || option.optional
    if (!takesValue || option.variadic || isList(option)) continue
    const least = leastOf(option)
    const once = (text: string, previous: unknown) => {
      if (command.getOptionValueSource(option.attributeName()) === 'cli')
        throw new InvalidArgumentError('The option can be given only once')
      return parse ? parse(text, previous) : text
    }
    option.argParser(once)
    if (least !== undefined) leasts.set(once, least)
  }
}

/** Whether the values of all occurrences of the option are kept. */
export const isList = ({ parseArg }: Option): boolean =>
  parseArg !== undefined && listParsers.has(parseArg)
