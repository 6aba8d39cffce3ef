import { type Excluded, excludedBy, NOTHING } from './excluded.ts'
import type { Attributes, Span, Usage, Value } from './types.ts'
import { firstOf, jsonObjectOf, objectOf, wholeOf } from './values.ts'

/** What an emitter reports. Input may include the cache, output may include reasoning. */
type Reported = { [name in keyof Usage]: number | undefined } & { total: number | undefined }

/** Attributes with counts; the first that is there wins. */
const ATTRIBUTES: Readonly<Record<keyof Reported, readonly string[]>> = {
  input: [
    'gen_ai.usage.input_tokens',
    'gen_ai.usage.prompt_tokens',
    'llm.token_count.prompt',
    'ai.usage.inputTokens',
    'ai.usage.promptTokens',
    'ai.usage.tokens',
    'llm.usage.prompt_tokens',
  ],
  output: [
    'gen_ai.usage.output_tokens',
    'gen_ai.usage.completion_tokens',
    'llm.token_count.completion',
    'ai.usage.outputTokens',
    'ai.usage.completionTokens',
    'llm.usage.completion_tokens',
  ],
  cacheRead: [
    'gen_ai.usage.cache_read.input_tokens',
    'gen_ai.usage.cache_read_input_tokens',
    'llm.token_count.prompt_details.cache_read',
    'ai.usage.inputTokenDetails.cacheReadTokens',
    'ai.usage.cachedInputTokens',
    'llm.usage.cache_read_input_tokens',
    'gen_ai.usage.input_tokens.cached', // Sentry
    'gen_ai.usage.cached_input_tokens',
    'gen_ai.usage.cached_tokens',
    'gen_ai.usage.details.cache_read_tokens', // Pydantic AI
    'gen_ai.usage.experimental.cached_tokens', // Google ADK
  ],
  cacheWrite: [
    'gen_ai.usage.cache_write.input_tokens',
    'gen_ai.usage.cache_creation.input_tokens',
    'gen_ai.usage.cache_write_input_tokens',
    'gen_ai.usage.cache_creation_input_tokens',
    'llm.token_count.prompt_details.cache_write',
    'ai.usage.inputTokenDetails.cacheWriteTokens',
    'ai.usage.cacheWriteTokens',
    'llm.usage.cache_creation_input_tokens',
    'gen_ai.usage.input_tokens.cache_write',
    'gen_ai.usage.details.cache_write_tokens',
  ],
  reasoning: [
    'gen_ai.usage.reasoning.output_tokens',
    'gen_ai.usage.reasoning_tokens',
    'llm.token_count.completion_details.reasoning',
    'ai.usage.outputTokenDetails.reasoningTokens',
    'ai.usage.reasoningTokens',
    'llm.usage.reasoning_tokens',
    'gen_ai.usage.reasoning_output_tokens', // GitHub Copilot
    'gen_ai.usage.output_tokens.reasoning',
    'gen_ai.usage.details.reasoning_tokens',
    'gen_ai.usage.experimental.reasoning_tokens',
  ],
  total: [
    'gen_ai.usage.total_tokens',
    'llm.token_count.total',
    'ai.usage.totalTokens',
    'llm.usage.total_tokens',
  ],
}

/** The names of Claude Code, which are those of its API. */
const PLAIN: typeof ATTRIBUTES = {
  input: ['input_tokens'],
  output: ['output_tokens'],
  cacheRead: ['cache_read_tokens'],
  cacheWrite: ['cache_creation_tokens'],
  reasoning: [],
  total: [],
}

/** What is called otherwise: gen_ai.usage.details.cached_tokens, gen_ai.usage.output_tokens.reasoning and so on. */
const OTHERWISE: readonly (readonly [keyof Usage, RegExp])[] = [
  ['cacheRead', /^(?!.*(audio|priority|cost|rate)).*(cache_read|cache_hit|cached)/],
  ['cacheWrite', /^(?!.*(ephemeral|cost)).*cache_(write|creation)/],
  ['reasoning', /^(?!.*(limit|effort|cost)).*(reasoning|thought|thinking)/],
]

const NO_CACHE = 'ai.usage.inputTokenDetails.noCacheTokens'

/** The usage within the JSON of genkit:output. */
const GENKIT: Readonly<Record<keyof Reported, readonly string[]>> = {
  input: ['inputTokens'],
  output: ['outputTokens'],
  cacheRead: ['cachedContentTokens'],
  cacheWrite: [],
  reasoning: ['thoughtsTokens'],
  total: ['totalTokens'],
}

/** -1 if there is only a number that is not whole or not exact: a call must not lose tokens that it reports. */
const countOf = (from: Attributes, names: readonly string[]): number | undefined =>
  firstOf(from, names, wholeOf) ?? firstOf(from, names, noCountOf)

function noCountOf(value: Value | undefined): number | undefined {
  const isNumber =
    typeof value === 'number' || (typeof value === 'string' && /^-?\d+(\.\d+)?$/.test(value))
  return isNumber ? (wholeOf(Number(value)) ?? -1) : undefined
}

const read = (from: Attributes, names: typeof ATTRIBUTES): Reported => ({
  input: countOf(from, names.input),
  output: countOf(from, names.output),
  cacheRead: countOf(from, names.cacheRead),
  cacheWrite: countOf(from, names.cacheWrite),
  reasoning: countOf(from, names.reasoning),
  total: countOf(from, names.total),
})

/**
 * The tokens that a span reports, in classes that are disjoint; undefined if it reports none. A negative number stays, and another
 * number that is no count becomes one, so that the span is refused.
 */
export function usageOf(span: Span): Usage | undefined {
  const { attributes } = span
  const named = withProviderMetadata(read(attributes, ATTRIBUTES), attributes)
  const reported = withOthers(named, partsOf(attributes, 'gen_ai.usage.'))
  const uncached = countOf(attributes, [NO_CACHE])
  if (isEmpty(reported) && uncached === undefined)
    return plainUsage(attributes) ?? genkitUsage(attributes) ?? langfuseUsage(attributes)
  const usage = disjoint(reported, excludedBy(span))
  return uncached === undefined ? usage : { ...usage, input: uncached }
}

function withOthers(reported: Reported, parts: Attributes): Reported {
  const names = Object.keys(parts).sort()
  const found = OTHERWISE.filter(([name]) => reported[name] === undefined).map(
    ([name, pattern]) => [
      name,
      firstOf(
        parts,
        names.filter((part) => pattern.test(part)),
        wholeOf,
      ),
    ],
  )
  return { ...reported, ...Object.fromEntries(found) }
}

/** The attributes with a prefix, and the fields of those that hold an object: `input_token_details.cache_read`. */
function partsOf(attributes: Attributes, prefix: string): Attributes {
  const parts = Object.entries(attributes).flatMap(([name, value]): [string, Value][] => {
    if (!name.startsWith(prefix)) return []
    const own = name.slice(prefix.length)
    // LangSmith sends an object as Python writes it.
    const object = jsonObjectOf(typeof value === 'string' ? value.replaceAll("'", '"') : value)
    return object === undefined
      ? [[own, value]]
      : Object.entries(object).map(([field, inner]) => [`${own}.${field}`, inner])
  })
  return Object.fromEntries(parts)
}

function plainUsage(attributes: Attributes): Usage | undefined {
  const reported = read(attributes, PLAIN)
  return isEmpty(reported) ? undefined : disjoint(reported, { ...NOTHING, cache: true })
}

const isEmpty = ({ total: _, ...classes }: Reported): boolean =>
  Object.values(classes).every((count) => count === undefined)

/** The AI SDK 4 and 5 report the cache of Anthropic and Bedrock only here. */
function withProviderMetadata(reported: Reported, attributes: Attributes): Reported {
  if (reported.cacheRead !== undefined && reported.cacheWrite !== undefined) return reported
  const metadata = firstOf(attributes, ['ai.response.providerMetadata'], jsonObjectOf)
  const anthropic = objectOf(metadata?.anthropic)
  const usage =
    objectOf(anthropic?.usage) ?? anthropic ?? objectOf(objectOf(metadata?.bedrock)?.usage)
  if (usage === undefined) return reported
  const count = (...names: string[]) => firstOf(usage, names, wholeOf)
  return {
    ...reported,
    cacheRead: reported.cacheRead ?? count('cache_read_input_tokens', 'cacheReadInputTokens'),
    cacheWrite:
      reported.cacheWrite ??
      count('cache_creation_input_tokens', 'cacheCreationInputTokens', 'cacheWriteInputTokens'),
  }
}

function disjoint(reported: Reported, excluded: Excluded): Usage {
  const { input, output, total } = reported
  const cache = (reported.cacheRead ?? 0) + (reported.cacheWrite ?? 0)
  const thoughts = reported.reasoning ?? 0
  // A total that is larger than input and output proves what they leave out.
  const more = (total ?? 0) - (input ?? 0) - (output ?? 0)
  const proven = more > 0 && cache !== thoughts
  const cacheApart =
    excluded.cache || cache > (input ?? 0) || (proven && [cache, cache + thoughts].includes(more))
  const reasoningApart =
    excluded.reasoning ||
    thoughts > (output ?? 0) ||
    (proven && [thoughts, cache + thoughts].includes(more)) ||
    (excluded.rest && more >= thoughts && !cacheApart)
  const rest = excluded.rest && input !== undefined && more > 0 && !cacheApart ? more : undefined
  return {
    input: input === undefined ? null : cacheApart ? input : input - cache,
    output: output === undefined ? null : reasoningApart ? output : output - thoughts,
    cacheRead: reported.cacheRead ?? null,
    cacheWrite: reported.cacheWrite ?? null,
    reasoning: reported.reasoning ?? rest ?? null,
  }
}

function genkitUsage(attributes: Attributes): Usage | undefined {
  const usage = objectOf(firstOf(attributes, ['genkit:output'], jsonObjectOf)?.usage)
  const reported = usage && read(usage, GENKIT)
  return reported === undefined || isEmpty(reported) ? undefined : disjoint(reported, NOTHING)
}

/**
 * Langfuse has taken the parts of input and output out of them. Parts without a class of their own, such as audio, are added again;
 * those of a service tier are no parts.
 */
const LANGFUSE: readonly (readonly [RegExp, keyof Usage | undefined])[] = [
  [/priority|flex/, undefined],
  [
    /^(input_cached_tokens|input_cache_read|cache_read_input_tokens|cached_modality_.*)$/,
    'cacheRead',
  ],
  [
    /^(input_cache_creation|input_cache_write|input_ephemeral_.*|cache_creation_input_tokens)$/,
    'cacheWrite',
  ],
  [/^(output_reasoning_tokens|output_reasoning|reasoning_tokens)$/, 'reasoning'],
  [/^input(_|$)/, 'input'],
  [/^output(_|$)/, 'output'],
]

/** The usage of the API of OpenAI, which Langfuse for Python sends as it is. */
const OPENAI: typeof ATTRIBUTES = {
  input: ['prompt_tokens', 'input_tokens'],
  output: ['completion_tokens', 'output_tokens'],
  cacheRead: [],
  cacheWrite: [],
  reasoning: [],
  total: ['total_tokens'],
}

function langfuseUsage(attributes: Attributes): Usage | undefined {
  const details = firstOf(attributes, ['langfuse.observation.usage_details'], jsonObjectOf)
  if (details === undefined) return undefined
  if (Object.keys(details).some((name) => /^prompt_tokens|_tokens_details$/.test(name)))
    return disjoint(withOthers(read(details, OPENAI), partsOf(details, '')), NOTHING)
  const usage: Usage = {
    input: null,
    output: null,
    cacheRead: null,
    cacheWrite: null,
    reasoning: null,
  }
  for (const [name, value] of Object.entries(details)) {
    const count = wholeOf(value)
    const part = LANGFUSE.find(([pattern]) => pattern.test(name))?.[1]
    if (count !== undefined && part) usage[part] = (usage[part] ?? 0) + count
  }
  return Object.values(usage).every((count) => count === null) ? undefined : usage
}

/** False if a class is not a whole number from 0. */
export const areCounts = (usage: Usage): boolean =>
  Object.values(usage).every(
    (count) => count === null || (Number.isSafeInteger(count) && count >= 0),
  )

export const totalOf = (usage: Usage | null | undefined): number =>
  usage
    ? (usage.input ?? 0) +
      (usage.output ?? 0) +
      (usage.cacheRead ?? 0) +
      (usage.cacheWrite ?? 0) +
      (usage.reasoning ?? 0)
    : 0
