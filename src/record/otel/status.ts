import { storable } from './decode/value.ts'
import type { Span, SpanKind, Value } from './types.ts'
import { firstOf, textOf } from './values.ts'

const ERROR = 2
const LONGEST_MESSAGE = 1000

/** Attributes by which emitters report an error, in addition to the status of the span. */
const MARKS: readonly (readonly [attribute: string, value: string])[] = [
  ['langfuse.observation.level', 'ERROR'],
  ['observation.level', 'ERROR'],
  ['genkit:state', 'error'],
]
const MESSAGES = [
  'error.message',
  'langfuse.observation.status_message',
  'genkit:error',
  'error.type',
]

export const hasFailed = ({ status, attributes }: Span, kind: SpanKind): boolean =>
  status.code === ERROR ||
  MARKS.some(([name, value]) => firstOf(attributes, [name], textOf) === value) ||
  (kind === 'tool' && firstOf(attributes, ['gen_ai.tool.status'], textOf) === 'error')

/** What the span says about its failure: the status, an exception, or an attribute. */
export function errorMessageOf({ status, events, attributes }: Span): string | undefined {
  const exceptions = events.filter(({ name }) => name === 'exception')
  const ofException = (name: string) =>
    exceptions.map((event) => firstOf(event.attributes, [name], firstLine)).find(Boolean)
  return (
    firstLine(status.message) ??
    ofException('exception.message') ??
    ofException('exception.type') ??
    firstOf(attributes, MESSAGES, firstLine)
  )
}

/** The message of LangChain holds a stack. */
function firstLine(value: Value | undefined): string | undefined {
  if (typeof value !== 'string') return undefined
  const line = /\S[^\r\n]*/.exec(value.slice(0, 100_000))?.[0]
  return line === undefined ? undefined : storable(line.slice(0, LONGEST_MESSAGE)).trim()
}
