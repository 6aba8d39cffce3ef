import { storable } from './decode/value.ts'
import type { Attributes, Facts, Mapping, Span, Value } from './types.ts'
import { firstOf, isShallow, parsed } from './values.ts'

/** Attributes with what went into a call, and with what came out; the first that is there wins. */
const PARAMETERS = [
  'gen_ai.input.messages',
  'gen_ai.tool.call.arguments',
  'ai.prompt.messages',
  'ai.prompt',
  'ai.toolCall.args',
  'tool.parameters',
  'input.value',
  'genkit:input',
  'langfuse.observation.input',
  'traceloop.entity.input',
]
const RESULTS = [
  'gen_ai.output.messages',
  'gen_ai.tool.call.result',
  'ai.response.text',
  'ai.response.object',
  'ai.response.toolCalls',
  'ai.toolCall.result',
  'output.value',
  'genkit:output',
  'langfuse.observation.output',
  'traceloop.entity.output',
]

/** OpenLLMetry had an attribute for each part of a message: gen_ai.prompt.0.content. */
const PARAMETER_PARTS = ['gen_ai.prompt.', 'llm.input_messages.']
const RESULT_PARTS = ['gen_ai.completion.', 'llm.output_messages.']

/** Some emitters send messages as events. */
const PARAMETER_EVENT = /^gen_ai\.(system|user|assistant|tool)\.message$/
const RESULT_EVENT = /^gen_ai\.choice$/

/** What went into a call and what came out, as far as it is wanted. */
export function contentOf(span: Span, wanted: Mapping['content']): Facts['content'] {
  if (wanted === undefined) return undefined
  const drop = new Set(wanted.drop)
  const kept = Object.fromEntries(
    Object.entries(span.attributes).filter(([name]) => !drop.has(name)),
  )
  const events = span.events.map(({ name, attributes }) => ({
    name,
    attributes: Object.fromEntries(Object.entries(attributes).filter(([key]) => !drop.has(key))),
  }))
  const messages = (pattern: RegExp) =>
    events
      .filter(({ name, attributes }) => pattern.test(name) && Object.keys(attributes).length > 0)
      .map(({ name, attributes }) => ({ name, ...attributes }))
  const part = (names: readonly string[], prefixes: readonly string[], pattern: RegExp) => {
    const found =
      firstOf(kept, names, notEmpty) ?? partsOf(kept, prefixes) ?? notEmpty(messages(pattern))
    return found === undefined ? undefined : limited(found, wanted.limit)
  }
  const parameters = part(PARAMETERS, PARAMETER_PARTS, PARAMETER_EVENT)
  const result = part(RESULTS, RESULT_PARTS, RESULT_EVENT)
  if (parameters === undefined && result === undefined) return undefined
  return {
    ...(parameters === undefined ? {} : { parameters }),
    ...(result === undefined ? {} : { result }),
  }
}

const notEmpty = (value: Value | undefined): Value | undefined =>
  value === null || value === '' || (Array.isArray(value) && value.length === 0) ? undefined : value

function partsOf(attributes: Attributes, prefixes: readonly string[]): Value | undefined {
  const parts = Object.entries(attributes).filter(([name]) =>
    prefixes.some((prefix) => name.startsWith(prefix)),
  )
  return parts.length === 0 ? undefined : Object.fromEntries(parts)
}

/** JSON as such if it is within the limit; else its first characters, as text. */
function limited(value: Value, limit: number): Value {
  if (!isShallow(value)) return ''
  const whole = typeof value === 'string' ? value : JSON.stringify(value)
  const text = storable(whole.slice(0, limit))
  if (text.length < whole.length) return text
  const json = parsed(text)
  return json !== undefined && isShallow(json) && isStorable(text) ? json : text
}

/** JSON may have NUL and half a surrogate pair as \u escapes. */
const isStorable = (json: string): boolean => !/\\u(0000|d[89a-f])/i.test(json)
