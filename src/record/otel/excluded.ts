import type { Span } from './types.ts'
import { firstOf, jsonObjectOf, objectOf, textOf, wholeOf } from './values.ts'

/** What the input and the output of an emitter exclude, against the convention. */
export interface Excluded {
  /** Input is without the tokens of the cache. */
  cache: boolean
  /** Output is without reasoning. */
  reasoning: boolean
  /** Tokens that only the total has are reasoning. */
  rest: boolean
}

export const NOTHING: Excluded = { cache: false, reasoning: false, rest: false }

/** A provider and a model: Claude from Anthropic, from Google or from Azure, and any model from Bedrock. A gateway adds the cache. */
const CLAUDE_OR_BEDROCK = /^(anthropic|aws\.?bedrock|bedrock|(google|vertex|azure)\S* .*claude)/i
const ANY = /(?:)/

/** The APIs of Anthropic and of Bedrock report the cache apart from the input. These scopes send it as it is. */
const WITHOUT_CACHE: readonly (readonly [scope: RegExp, of: RegExp])[] = [
  // Its source adds them after version 0.27.
  [/^@traceloop\/instrumentation-anthropic@(?!0\.(2[89]|[3-9]\d|\d{3})\.|[1-9]\d*\.)/, ANY],
  [/^opentelemetry\.instrumentation\.bedrock@/, ANY],
  [/^openlit/, /^(anthropic|aws\.bedrock) /],
  [/^agent_framework/, CLAUDE_OR_BEDROCK],
  [/^org\.springframework\./, CLAUDE_OR_BEDROCK],
  [/^openinference\.instrumentation\.agno@/, CLAUDE_OR_BEDROCK],
]

/** Gemini and Grok count their thoughts only in the total. */
const THOUGHTS_IN_TOTAL = /gemini|google|vertex|gcp|grok|\bx_?ai\b/i

export function excludedBy(span: Span): Excluded {
  const { attributes, scope } = span
  const text = (...names: string[]) => firstOf(attributes, names, textOf) ?? ''
  const provider = text('gen_ai.provider.name', 'gen_ai.system', 'llm.provider', 'llm.system')
  const model = text('gen_ai.request.model', 'gen_ai.response.model', 'llm.model_name')
  const about = `${provider} ${model}`
  return {
    cache:
      isDirectClaude(scope.name, text('gen_ai.request.model')) ||
      isOldAiSdk(span) ||
      (!isAgentSdkOfOpenlit(span) &&
        WITHOUT_CACHE.some(
          ([scopes, of]) => scopes.test(`${scope.name}@${scope.version}`) && of.test(about),
        )),
    reasoning:
      Object.hasOwn(attributes, 'gen_ai.usage.experimental.reasoning_tokens') ||
      (scope.name.startsWith('openlit') && THOUGHTS_IN_TOTAL.test(about)),
    rest: THOUGHTS_IN_TOTAL.test(about),
  }
}

/** OpenLIT adds the cache for the Claude Agent SDK, whose spans name the provider twice. */
const isAgentSdkOfOpenlit = ({ scope, attributes }: Span): boolean =>
  scope.name.startsWith('openlit') &&
  ['gen_ai.provider.name', 'gen_ai.system'].every((name) => Object.hasOwn(attributes, name))

/** Strands reports what Bedrock includes, but not what Anthropic includes. */
const isDirectClaude = (scope: string, model: string): boolean =>
  scope.startsWith('strands') && model.startsWith('claude')

/** The AI SDK before it had inputTokenDetails. From version 6 input has the cache, which the answer of Anthropic proves. */
function isOldAiSdk({ scope, attributes }: Span): boolean {
  if (scope.name !== 'ai') return false
  const hasDetails = Object.keys(attributes).some((name) =>
    name.startsWith('ai.usage.inputTokenDetails.'),
  )
  const provider = firstOf(attributes, ['ai.model.provider', 'gen_ai.system'], textOf) ?? ''
  if (hasDetails || !/(^|\.)anthropic|^amazon-bedrock/.test(provider)) return false
  const metadata = firstOf(attributes, ['ai.response.providerMetadata'], jsonObjectOf)
  const answer = objectOf(objectOf(metadata?.anthropic)?.usage)
  const own = answer && firstOf(answer, ['input_tokens'], wholeOf)
  const input = firstOf(
    attributes,
    ['ai.usage.inputTokens', 'ai.usage.promptTokens', 'gen_ai.usage.input_tokens'],
    wholeOf,
  )
  return own === undefined || own === input
}
