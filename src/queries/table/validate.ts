import { WfstoreError } from '../../error.ts'
import { isAfter, parseInstant } from '../../instant.ts'
import { useInstead } from '../../options.ts'
import { isMonth, isTooLong, LONGEST_NAME } from '../../tables/column.ts'
import {
  TOKEN_CLASSES,
  TOKEN_FIELDS,
  type TokenClass,
  type TokenField,
} from '../../tables/tokens.ts'
import { isUuid } from '../../uuid.ts'

/**
 * Values are checked before they are sent, so that a mistake of the caller costs no round trip and changes nothing.
 * All functions here throw WfstoreError `usage`.
 */

/** A JavaScript number is rounded to this number of decimal places; later digits are rounding errors. */
const NUMBER_PLACES = 12

const SHORT_DECIMAL = /^\d+(\.\d{1,12})?$/

/** A larger number is not exact to the cent. */
const LARGEST_NUMBER = 1e12

const bad = (name: string, value: unknown, wanted: string) =>
  new WfstoreError('usage', `${name} is ${shown(value)}, not ${wanted}`)

function shown(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value.slice(0, 40))
  if (typeof value !== 'object' || value === null || value instanceof Date) return String(value)
  return Array.isArray(value) ? 'a list' : 'an object'
}

/** US dollars as an exact decimal: a string keeps every digit, a number keeps 12 places. */
export function amountOf(name: string, value: string | number | undefined): string {
  if (value === undefined) return '0'
  const wanted = 'an amount in US dollars, 0 or more'
  if (typeof value === 'number') {
    if (!(value >= 0 && value <= LARGEST_NUMBER)) throw bad(name, value, wanted)
    // The shortest text of the number if it is short enough: toFixed would print the binary digits of 123456.1.
    const text = String(value)
    if (SHORT_DECIMAL.test(text)) return text
    return value.toFixed(NUMBER_PLACES).replace(/\.?0+$/, '')
  }
  if (typeof value !== 'string' || !/^\d{1,30}(\.\d{1,30})?$/.test(value)) {
    throw bad(name, value, `${wanted}, such as "0.0123"`)
  }
  return value
}

/** Any finite number as an exact decimal. */
export function decimalOf(name: string, value: string | number): string {
  const sound =
    typeof value === 'number'
      ? Number.isFinite(value)
      : typeof value === 'string' && /^-?\d{1,30}(\.\d{1,30})?$/.test(value)
  if (!sound) throw bad(name, value, 'a finite number, or a decimal such as "-0.5"')
  return String(value)
}

export function booleanOf(name: string, value: boolean): boolean {
  if (typeof value !== 'boolean') throw bad(name, value, 'true or false')
  return value
}

/** A billing period, as `wfstore billing --period` names it. */
export function monthOf(name: string, value: string): string {
  if (typeof value !== 'string' || !isMonth(value)) {
    throw bad(name, value, 'a month such as "2024-12"')
  }
  return value
}

export function countOf(name: string, value: number | undefined, least = 0): number | null {
  if (value === undefined || value === null) return null
  if (Number.isInteger(value) && value > Number.MAX_SAFE_INTEGER) {
    throw bad(name, value, 'a number below 2^53')
  }
  if (!Number.isSafeInteger(value) || value < least) {
    throw bad(name, value, `a whole number from ${least}`)
  }
  return value
}

const LARGEST_INTEGER = 2 ** 31 - 1

/** For a column of type integer. */
export function integerOf(name: string, value: number | undefined): number | null {
  const count = countOf(name, value)
  if (count !== null && count > LARGEST_INTEGER) throw bad(name, value, 'a number below 2^31')
  return count
}

export function oneOf<T extends string>(name: string, value: T, allowed: readonly T[]): T {
  if (allowed.includes(value)) return value
  throw bad(name, value, `one of ${allowed.join(', ')}`)
}

/** Text that PostgreSQL can store: without NUL, and without half of a surrogate pair. */
export function textOf(name: string, value: string): string {
  if (typeof value !== 'string') throw bad(name, value, 'a text')
  if (value.includes('\0')) throw bad(name, value, 'a text without NUL characters')
  return wellFormed(value)
}

export const optionalText = (name: string, value: string | null | undefined): string | null =>
  value === undefined || value === null ? null : textOf(name, value)

export function requiredText(name: string, value: string): string {
  if (value === undefined || value === '') throw new WfstoreError('usage', `${name} is missing`)
  return textOf(name, value)
}

/** Text that an index can hold. */
export function keyTextOf(name: string, value: string): string {
  const text = textOf(name, value)
  if (!isTooLong(text)) return text
  throw new WfstoreError('usage', `${name} is longer than ${LONGEST_NAME} bytes`, {
    hint: 'use a shorter one: an index of PostgreSQL holds no longer text',
  })
}

export const optionalKeyText = (name: string, value: string | null | undefined): string | null =>
  value === undefined || value === null ? null : keyTextOf(name, value)

/** Text that is not empty and that an index can hold. */
export const nameOf = (name: string, value: string): string =>
  keyTextOf(name, requiredText(name, value))

export const optionalName = (name: string, value: string | null | undefined): string | null =>
  value === undefined || value === null ? null : nameOf(name, value)

/** JSON with NUL or a half of a surrogate pair, which JSON.stringify writes like this. */
const NOT_STORED = /(?<!\\)(\\\\)*\\u(0000|d[89a-f])/

/** Any value as JSON; undefined is NULL. */
export function jsonOf(name: string, value: unknown): string | null {
  if (value === undefined) return null
  let text: string | undefined
  try {
    text = JSON.stringify(value)
    // A function for each value is slow, and few texts have halves of characters.
    if (text !== undefined && NOT_STORED.test(text))
      text = JSON.stringify(value, (_, inner) =>
        typeof inner === 'string' ? wellFormed(inner) : inner,
      )
  } catch (cause) {
    throw new WfstoreError(
      'usage',
      `${name} cannot be written as JSON: ${(cause as Error).message}`,
      {
        cause,
      },
    )
  }
  if (text === undefined) throw bad(name, typeof value, 'a value that JSON has')
  // Names of members are not corrected: NUL or half of a surrogate pair in a name is an error.
  if (NOT_STORED.test(text))
    throw bad(name, text, 'JSON without NUL characters and halves of characters')
  return text
}

/** An object as JSON; undefined is NULL. */
export function objectOf(name: string, value: object | undefined): string | null {
  if (value !== undefined && (typeof value !== 'object' || value === null || Array.isArray(value)))
    throw bad(name, value, 'an object')
  const text = jsonOf(name, value)
  // A Date is an object too, and a text in JSON.
  if (text !== null && !text.startsWith('{')) throw bad(name, text, 'an object')
  return text
}

const MOST_TAGS = 20

/** Tags as JSON; undefined is NULL. */
export function tagsOf(name: string, value: object | undefined): string | null {
  const text = objectOf(name, value)
  const entries = Object.entries(value ?? {})
  if (entries.length > MOST_TAGS)
    throw new WfstoreError('usage', `${name} has ${entries.length} tags, more than ${MOST_TAGS}`, {
      hint: 'use metadata for other values',
    })
  for (const [tag, of] of entries) {
    nameOf(`a name in ${name}`, tag)
    if (typeof of !== 'string') throw bad(`${name}.${tag}`, of, 'a text')
    nameOf(`${name}.${tag}`, of)
  }
  return text
}

/** Half of a surrogate pair, for example at the end of a text that was cut inside an emoji, becomes U+FFFD. */
const wellFormed = (text: string): string =>
  text.replace(/[\uD800-\uDBFF](?![\uDC00-\uDFFF])|(?<![\uD800-\uDBFF])[\uDC00-\uDFFF]/g, '\uFFFD')

export function uuidOf(name: string, value: string): string {
  const id = typeof value === 'string' ? value.toLowerCase() : ''
  if (!isUuid(id)) throw bad(name, value, 'a UUID')
  return id
}

/**
 * A Date, or a time with a zone as RFC 3339 or PostgreSQL writes it, as RFC 3339 in UTC with microseconds; further digits are
 * cut off.
 */
export function timeOf(name: string, value: Date | string | undefined): string | null {
  if (value === undefined || value === null) return null
  if (value instanceof Date && Number.isNaN(value.getTime())) throw bad(name, value, 'a valid Date')
  const text = value instanceof Date ? value.toISOString() : value
  const instant = typeof text === 'string' ? parseInstant(text) : 'malformed'
  if (typeof instant !== 'string') return instant.at
  throw bad(name, value, 'a Date or an RFC 3339 time with a zone, of the years 1 to 9999')
}

/** @throws WfstoreError usage if the end is before the start */
export function checkOrder(start: string | null, end: string | null): void {
  if (start === null || end === null) return
  if (isAfter(start, end)) {
    throw new WfstoreError('usage', `endTime ${end} is before startTime ${start}`)
  }
}

/** Tokens by class; a class that was not reported is left out. */
export interface Tokens extends Partial<Record<TokenClass, number>> {
  /** The number of billed tokens, if the classes overlap or are not known (default: the sum of the classes). */
  total?: number
}

export interface TokenCounts {
  total: number
  /** Null for a class that was not reported. */
  classes: Record<TokenField, number | null>
}

export function tokensOf(tokens: Tokens = {}): TokenCounts {
  const unknown = Object.keys(tokens).find(
    (name) => name !== 'total' && !(TOKEN_CLASSES as string[]).includes(name),
  )
  if (unknown !== undefined)
    throw new WfstoreError('usage', `token class ${unknown} does not exist`, {
      hint: useInstead(unknown, [...TOKEN_CLASSES, 'total']),
    })
  const classes = {} as TokenCounts['classes']
  let sum = 0
  for (const [place, name] of TOKEN_CLASSES.entries()) {
    const count = countOf(`tokens.${name}`, tokens[name])
    classes[TOKEN_FIELDS[place] as TokenField] = count
    sum += count ?? 0
  }
  return { classes, total: countOf('tokens.total', tokens.total) ?? countOf('tokens', sum) ?? 0 }
}
