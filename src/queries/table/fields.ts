import { WfstoreError } from '../../error.ts'
import { amount, type Compared, json, number, text } from './compare.ts'
import {
  amountOf,
  booleanOf,
  countOf,
  decimalOf,
  integerOf,
  jsonOf,
  monthOf,
  oneOf,
  requiredText,
  textOf,
  timeOf,
  uuidOf,
} from './validate.ts'

/** How a field of a row is written and compared. */
export interface Kind {
  /** Type of its column. */
  type: 'text' | 'uuid' | 'numeric' | 'bigint' | 'integer' | 'boolean' | 'jsonb' | 'timestamptz'
  nullable: boolean
  /** What is sent for a value. @throws WfstoreError usage */
  check: (name: string, value: unknown) => Sent
}

export type Sent = string | number | boolean | null

/** The functions of validate.ts check at run time what their types promise at compile time. */
const kind = <T>(type: Kind['type'], check: (name: string, value: T) => Sent): Kind => ({
  type,
  nullable: false,
  check: (name, value) => check(name, value as T),
})

/** A name or an id of somebody's: not empty. */
export const name = kind('text', requiredText)
export const words = kind('text', textOf)
export const uuid = kind('uuid', uuidOf)
/** US dollars, 0 or more. */
export const money = kind('numeric', amountOf)
/** Any number of digits, negative too. */
export const decimal = kind('numeric', decimalOf)
export const count = kind('bigint', countOf)
export const integer = kind('integer', integerOf)
export const flag = kind('boolean', booleanOf)
export const time = kind('timestamptz', timeOf)
export const month = kind('text', monthOf)
export const anything = kind('jsonb', jsonOf)
export const status = (allowed: readonly string[]): Kind =>
  kind('text', (field: string, value: string) => oneOf(field, value, allowed))

/** NULL where nothing is known. */
export const optional = (inner: Kind): Kind => ({ ...inner, nullable: true })

/** @throws WfstoreError usage where the value is none of this kind */
export function sendable(kind: Kind, name: string, value: unknown): Sent {
  if (value !== null) return kind.check(name, value)
  if (kind.nullable) return null
  throw new WfstoreError('usage', `${name} is null, and must have a value`)
}

/** The field as it is stored in `column` and as it is given at this place of the values, both as text. */
export function compared(kind: Kind, name: string, column: string, place: number): Compared {
  switch (kind.type) {
    case 'numeric':
      return amount(name, column, place)
    case 'jsonb':
      return json(name, column, place)
    case 'bigint':
    case 'integer':
      return number(name, column, place)
    case 'timestamptz':
      return { name, stored: utc(column), given: utc(`$${place}::timestamptz`) }
    case 'boolean':
      return { name, stored: `${column}::text`, given: `$${place}::boolean::text` }
    default:
      return text(name, `${column}::text`, place)
  }
}

const utc = (value: string): string => `(to_json(${value} at time zone 'UTC') #>> '{}') || 'Z'`
