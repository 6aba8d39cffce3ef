/** Reads the values of attributes. They are of any type and size: emitters are not trusted. */

import { isTooLong, LONGEST_NAME } from '../../tables/column.ts'
import { parseJson } from './decode/decode.ts'
import { storable } from './decode/value.ts'
import type { Attributes, Value } from './types.ts'

type JsonObject = { readonly [name: string]: Value }

/** Deeper JSON is no value of an attribute. PostgreSQL and JSON.stringify have a limit, too. */
const DEEPEST = 64

const own = (object: JsonObject, name: string): Value | undefined =>
  Object.hasOwn(object, name) ? object[name] : undefined

export const objectOf = (value: Value | undefined): JsonObject | undefined =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as JsonObject)
    : undefined

/** The object that an attribute holds, also as JSON in a text. */
export const jsonObjectOf = (value: Value | undefined): JsonObject | undefined =>
  typeof value === 'string' ? objectOf(parsed(value)) : objectOf(value)

/** The JSON of a text that is an object or an array; undefined for another text. */
export function parsed(text: string): Value | undefined {
  if (!/^\s*[[{]/.test(text)) return undefined
  try {
    return parseJson(Buffer.from(text)) as Value
  } catch {
    return undefined
  }
}

export function isShallow(value: Value, levels = DEEPEST): boolean {
  if (typeof value !== 'object' || value === null) return true
  return levels > 0 && Object.values(value).every((inner) => isShallow(inner, levels - 1))
}

/** A name: not empty, and short enough for an index. Arrays and objects are no names. */
export function textOf(value: Value | undefined): string | undefined {
  if (typeof value === 'number' || typeof value === 'boolean') return String(value)
  if (typeof value !== 'string') return undefined
  // A character has at least one byte. So a huge text is cut before it is read.
  const text = storable(value.slice(0, 2 * LONGEST_NAME).trim())
  if (text === '') return undefined
  return isTooLong(text) ? cutBytes(text) : text
}

function cutBytes(text: string): string {
  const bytes = Buffer.from(text)
  let end = LONGEST_NAME
  while (((bytes[end] ?? 0) & 0xc0) === 0x80) end--
  return bytes.toString('utf8', 0, end)
}

/** A whole number that JavaScript has exactly, also as text. */
export function wholeOf(value: Value | undefined): number | undefined {
  const whole = typeof value === 'string' && /^-?\d{1,16}$/.test(value) ? Number(value) : value
  // The sum makes 0 of -0, which JSON has not.
  return typeof whole === 'number' && Number.isSafeInteger(whole) ? whole + 0 : undefined
}

/** The first of these attributes that is there and can be read. */
export function firstOf<T>(
  attributes: JsonObject,
  names: readonly string[],
  read: (value: Value | undefined) => T | undefined,
): T | undefined {
  for (const name of names) {
    const value = own(attributes, name)
    const found = value === undefined ? undefined : read(value)
    if (found !== undefined) return found
  }
  return undefined
}

/** A name may go into an attribute that holds an object: `metadata.user_id`. */
export function textAt(attributes: Attributes, name: string): string | undefined {
  const whole = own(attributes, name)
  const text = whole === undefined ? undefined : textOf(whole)
  if (text !== undefined) return text
  for (const { outer, inner } of partsOf(name)) {
    const value = own(attributes, outer)
    const object = value === undefined ? undefined : jsonObjectOf(value)
    const found = object && textOf(own(object, inner))
    if (found !== undefined) return found
  }
  return undefined
}

interface NameParts {
  outer: string
  inner: string
}

/** The names of a mapping are few and are looked up in each span. */
const partsByName = new Map<string, readonly NameParts[]>()
const MOST_NAMES = 1000

function partsOf(name: string): readonly NameParts[] {
  const known = partsByName.get(name)
  if (known !== undefined) return known
  const parts: NameParts[] = []
  for (let dot = name.lastIndexOf('.'); dot > 0; dot = name.lastIndexOf('.', dot - 1))
    parts.push({ outer: name.slice(0, dot), inner: name.slice(dot + 1) })
  if (partsByName.size < MOST_NAMES) partsByName.set(name, parts)
  return parts
}
