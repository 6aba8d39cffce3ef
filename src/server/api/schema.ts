import type { FlagDescription, MemberDescription } from './description.ts'

/** A JSON Schema of the dialect of OpenAPI 3.1. */
export type JsonSchema = Readonly<Record<string, unknown>>

/** How JSON writes the values of a kind. */
const TYPES: Readonly<Record<string, { type?: string; format?: string }>> = {
  text: { type: 'string' },
  status: { type: 'string' },
  id: { type: 'string', format: 'uuid' },
  time: { type: 'string', format: 'date-time' },
  amount: { type: 'number' },
  count: { type: 'integer' },
  duration: { type: 'number' },
  share: { type: 'number' },
  number: { type: 'number' },
  boolean: { type: 'boolean' },
  json: {},
}

/** The schema of an object. With the parameter `columns` only the named members are there. */
export const objectSchema = (members: readonly MemberDescription[]): JsonSchema => ({
  type: 'object',
  properties: Object.fromEntries(members.map((member) => [member.name, memberSchema(member)])),
  required: members.filter(({ shown }) => shown === 'always').map(({ name }) => name),
  additionalProperties: false,
})

function memberSchema({ kind, nullable = true, members }: MemberDescription): JsonSchema {
  if (members) return { type: 'array', items: objectSchema(members) }
  const { type, ...rest } = TYPES[kind] ?? {}
  if (type === undefined) return rest
  return { type: nullable ? [type, 'null'] : type, ...rest }
}

/** The schema of a parameter. */
export function flagSchema({ name, value, choices, examples, least }: FlagDescription): JsonSchema {
  if (name === 'limit') return { anyOf: [{ type: 'integer', minimum: 1 }, { const: 'all' }] }
  if (value === 'none' || examples?.join() === 'true,false') return { type: 'boolean' }
  if (least !== undefined) return { type: 'integer', minimum: least }
  const one = {
    type: 'string',
    ...(choices ? { enum: choices } : examples ? { examples } : {}),
  }
  return value === 'list' ? { type: 'array', items: one } : one
}

/** In the body of an action a text can be a number. */
export const bodyValueSchema = (schema: JsonSchema): JsonSchema =>
  schema.type === 'string' && !schema.enum ? { ...schema, type: ['string', 'number'] } : schema
