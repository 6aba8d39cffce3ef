import type { Attributes, Value } from '../types.ts'
import { entriesOf, type Faults, fieldsOf, listOf, note, WRONG_TYPE } from './faults.ts'

/** How deep lists may be nested in lists. */
const MOST_LEVELS = 100
const TOO_DEEP = `a value is nested deeper than ${MOST_LEVELS} levels`

/** What PostgreSQL cannot store, as in the arguments of the recorder: NUL, and halves of surrogate pairs. */
const UNSTORABLE = /\0|[\uD800-\uDBFF](?![\uDC00-\uDFFF])|(?<![\uD800-\uDBFF])[\uDC00-\uDFFF]/g

/** A text that the database can store. */
export const storable = (text: string): string => text.replace(UNSTORABLE, '\uFFFD')

/** A text field; the empty text if it is absent. */
export function textOf(value: unknown, faults: Faults): string {
  if (typeof value === 'string') return storable(value)
  if (value !== undefined && value !== null) note(faults, WRONG_TYPE)
  return ''
}

/** A list of KeyValue. Of a name that is there twice the last value is kept. */
export function attributesOf(list: unknown, faults: Faults, level = 0): Attributes {
  const entries = entriesOf(list, faults).map(({ key, value }): [string, Value] => [
    textOf(key, faults),
    anyValueOf(value, faults, level + 1),
  ])
  return Object.fromEntries(entries)
}

/** An AnyValue. Bytes are base64, as in OTLP/JSON. */
function anyValueOf(any: unknown, faults: Faults, level: number): Value {
  if (level > MOST_LEVELS) note(faults, TOO_DEEP)
  if (faults.reason !== undefined) return null
  const value = fieldsOf(any, faults)
  if (has(value.stringValue)) return textOf(value.stringValue, faults)
  if (has(value.intValue)) return integer(value.intValue) ?? wrong(faults)
  if (has(value.boolValue))
    return typeof value.boolValue === 'boolean' ? value.boolValue : wrong(faults)
  if (has(value.doubleValue)) return double(value.doubleValue) ?? wrong(faults)
  if (has(value.arrayValue)) {
    const { values } = fieldsOf(value.arrayValue, faults)
    return listOf(values, faults).map((inner) => anyValueOf(inner, faults, level + 1))
  }
  if (has(value.kvlistValue))
    return attributesOf(fieldsOf(value.kvlistValue, faults).values, faults, level)
  return has(value.bytesValue) ? textOf(value.bytesValue, faults) : null
}

/** null is an absent field in the JSON of protobuf. */
const has = (value: unknown): boolean => value !== undefined && value !== null

function wrong(faults: Faults): null {
  note(faults, WRONG_TYPE)
  return null
}

/** An int64: in JSON a text or a number. As a text of digits if a number would not be exact. */
function integer(value: unknown): number | string | undefined {
  if (typeof value === 'number' && !Number.isInteger(value)) return undefined
  const whole = wholeOf(value)
  if (whole === undefined) return undefined
  return typeof whole === 'bigint' ? short(whole) : whole
}

const short = (value: bigint): number | string =>
  Number.isSafeInteger(Number(value)) ? Number(value) : String(value)

/** A whole number of at most 20 digits; undefined for other values. */
export function wholeOf(value: unknown): number | bigint | undefined {
  if (typeof value === 'bigint') return value
  if (typeof value === 'number')
    return Number.isSafeInteger(value) ? value : Number.isInteger(value) ? BigInt(value) : undefined
  return typeof value === 'string' && /^-?\d{1,20}$/.test(value) ? BigInt(value) : undefined
}

const NO_NUMBERS = ['NaN', 'Infinity', '-Infinity']

/** JSON has no NaN and no infinity: they stay texts, as in OTLP/JSON. */
function double(value: unknown): number | string | undefined {
  if (typeof value === 'number') return Number.isFinite(value) ? value : String(value)
  if (typeof value !== 'string') return undefined
  if (NO_NUMBERS.includes(value)) return value
  return /^-?\d+(\.\d+)?(e[+-]?\d+)?$/i.test(value) ? double(Number(value)) : undefined
}
