import { WfstoreError } from '../../error.ts'

/** The parameters of an action, by the names of the flags. */
export type ActionParameters = Readonly<Record<string, unknown>>

/**
 * The parameters in the body of an action: a JSON object. Numbers are kept as they are written, with all digits.
 * @throws WfstoreError usage
 */
export function parametersIn(body: string): ActionParameters {
  if (body.trim() === '') return {}
  let given: unknown
  try {
    JSON.parse(body)
    given = JSON.parse(body.replaceAll(STRING_OR_NUMBER, quoteNumber))
  } catch {
    throw invalid('the body is not JSON')
  }
  if (typeof given !== 'object' || given === null || Array.isArray(given))
    throw invalid('the body is not an object')
  return given as ActionParameters
}

const invalid = (message: string) =>
  new WfstoreError('usage', message, { hint: 'send the parameters as {"reason": "started twice"}' })

const STRING_OR_NUMBER = /"(?:[^"\\]|\\.)*"|-?\d[\d.eE+-]*/g
const quoteNumber = (part: string) => (part.startsWith('"') ? part : `"${part}"`)

/** Each value of each parameter. @throws WfstoreError usage for null and objects */
export const pairsOf = (parameters: ActionParameters): [name: string, value: string][] =>
  Object.entries(parameters).flatMap(([name, value]) =>
    Array.isArray(value)
      ? value.flatMap((each) =>
          exactly(textOf(name, each)).map((text): [string, string] => [name, text]),
        )
      : [[name, textOf(name, value)]],
  )

/** A text with a comma is a list, except if it is given twice. A list in JSON needs no commas. */
const exactly = (text: string) =>
  text.includes(',') || text !== text.trim() ? [text, text] : [text]

function textOf(name: string, value: unknown): string {
  if (typeof value === 'string') return value
  if (typeof value === 'boolean') return String(value)
  throw new WfstoreError(
    'usage',
    `the value of ${name} is ${value === null ? 'null' : 'an object'}`,
    {
      hint: 'use a text, a number, true, false, or a list of these; leave out what you do not need',
    },
  )
}
