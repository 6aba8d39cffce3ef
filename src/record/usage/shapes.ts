import { fieldOf, hasField } from './fields.ts'

/**
 * How the usage objects of providers count tokens. A path names a field as the API writes it; the camelCase names of SDKs
 * (promptTokensDetails.cachedTokens) are found too. Of several paths the first that is reported counts.
 */
export interface UsageShape {
  input: readonly string[]
  /** More input tokens, which no field of `input` includes. */
  moreInput?: readonly string[]
  output: readonly string[]
  cacheRead?: readonly string[]
  cacheWrite?: readonly string[]
  reasoning?: readonly string[]
  /** The sum, as the provider reports it. */
  total?: readonly string[]
  /** The input includes the tokens that were read from a cache or written to it. */
  inputIncludesCache: boolean
  /** The output includes reasoning. If the total proves the opposite, the total is right. */
  outputIncludesReasoning: boolean
  /** A value that means "not reported", in addition to null and undefined. */
  missing?: number
  /** Other fields by which the shape is known; they are not tokens. */
  known?: readonly string[]
}

/** Chat Completions of OpenAI, and the APIs that are compatible with it. */
const CHAT: UsageShape = {
  input: ['prompt_tokens'],
  output: ['completion_tokens'],
  cacheRead: [
    'prompt_tokens_details.cached_tokens',
    'prompt_cache_hit_tokens', // DeepSeek
    'num_cached_tokens', // Mistral
    'prompt_token_details.cached_tokens', // Mistral
    'cached_tokens', // Moonshot AI
    'cache_read_input_tokens', // LiteLLM
  ],
  cacheWrite: ['prompt_tokens_details.cache_write_tokens', 'cache_creation_input_tokens'],
  reasoning: ['completion_tokens_details.reasoning_tokens'],
  total: ['total_tokens'],
  inputIncludesCache: true,
  outputIncludesReasoning: true,
}

/** The Responses API of OpenAI; its Realtime API has details in the singular. */
const RESPONSES: UsageShape = {
  input: ['input_tokens'],
  output: ['output_tokens'],
  cacheRead: ['input_tokens_details.cached_tokens', 'input_token_details.cached_tokens'],
  cacheWrite: ['input_tokens_details.cache_write_tokens'],
  reasoning: ['output_tokens_details.reasoning_tokens'],
  total: ['total_tokens'],
  inputIncludesCache: true,
  outputIncludesReasoning: true,
  known: ['seconds'], // of a transcription that is billed by its duration
}

export const ANTHROPIC: UsageShape = {
  input: ['input_tokens'],
  output: ['output_tokens'],
  cacheRead: ['cache_read_input_tokens'],
  cacheWrite: ['cache_creation_input_tokens'],
  reasoning: ['output_tokens_details.thinking_tokens'],
  inputIncludesCache: false,
  outputIncludesReasoning: true,
}

const GEMINI: UsageShape = {
  input: ['promptTokenCount'],
  moreInput: ['toolUsePromptTokenCount'],
  output: ['candidatesTokenCount', 'responseTokenCount'],
  cacheRead: ['cachedContentTokenCount'],
  reasoning: ['thoughtsTokenCount'],
  total: ['totalTokenCount'],
  inputIncludesCache: true,
  outputIncludesReasoning: false,
  known: ['trafficType', 'serviceTier'], // the first parts of a stream have nothing else
}

/** The Interactions API of Gemini. */
const INTERACTIONS: UsageShape = {
  input: ['total_input_tokens'],
  moreInput: ['total_tool_use_tokens'],
  output: ['total_output_tokens'],
  cacheRead: ['total_cached_tokens'],
  reasoning: ['total_thought_tokens'],
  total: ['total_tokens'],
  inputIncludesCache: true,
  outputIncludesReasoning: false,
}

/**
 * Converse of Amazon Bedrock. Its total is not compared: by its documentation it is the sum of input and output, its responses also
 * count the tokens of the cache.
 */
const CONVERSE: UsageShape = {
  input: ['inputTokens'],
  output: ['outputTokens'],
  cacheRead: ['cacheReadInputTokens', 'cacheReadInputTokenCount'],
  cacheWrite: ['cacheWriteInputTokens', 'cacheWriteInputTokenCount'],
  inputIncludesCache: false,
  outputIncludesReasoning: true,
}

/**
 * Cohere bills `billed_units`: `tokens` also counts the tokens of its own prompt. `cached_tokens` is no class of its own, because it is
 * a part of `tokens` and not of `billed_units`.
 */
const COHERE = (part: string): UsageShape => ({
  input: [`${part}.input_tokens`],
  moreInput: [`${part}.image_tokens`],
  output: [`${part}.output_tokens`],
  inputIncludesCache: true,
  outputIncludesReasoning: true,
  known: ['search_units', 'classifications', 'images', 'pages'].map((name) => `${part}.${name}`),
})

/** What a language model of the AI SDK returns since version 6, before the AI SDK changes it. */
const AI_SDK_MODEL: UsageShape = {
  input: ['inputTokens.total'],
  output: ['outputTokens.total'],
  cacheRead: ['inputTokens.cacheRead'],
  cacheWrite: ['inputTokens.cacheWrite'],
  reasoning: ['outputTokens.reasoning'],
  inputIncludesCache: true,
  outputIncludesReasoning: true,
}

/** `usage` and `totalUsage` of the AI SDK, versions 4, 5 and 6. */
const AI_SDK: UsageShape = {
  input: ['inputTokens', 'promptTokens', 'tokens'],
  output: ['outputTokens', 'completionTokens'],
  cacheRead: ['inputTokenDetails.cacheReadTokens', 'cachedInputTokens'],
  cacheWrite: ['inputTokenDetails.cacheWriteTokens'],
  reasoning: ['outputTokenDetails.reasoningTokens', 'reasoningTokens'],
  total: ['totalTokens'],
  inputIncludesCache: true,
  outputIncludesReasoning: true,
  missing: Number.NaN, // version 4
}

/** The APIs whose usage objects `tokensFrom` reads. */
export type UsageProvider =
  | 'openai'
  | 'azure'
  | 'bedrock'
  | 'anthropic'
  | 'google'
  | 'mistral'
  | 'cohere'
  | 'deepseek'
  | 'groq'
  | 'xai'
  | 'openrouter'
  | 'ai-sdk'

/** The shapes of each provider; the first that fits a usage object counts. */
export const SHAPES: Readonly<Record<UsageProvider, readonly UsageShape[]>> = {
  openai: [CHAT, RESPONSES],
  azure: [CHAT, RESPONSES],
  // Before anthropic, whose names are similar in camelCase: strangerIn names the first.
  bedrock: [CONVERSE],
  anthropic: [ANTHROPIC],
  google: [GEMINI, INTERACTIONS],
  mistral: [CHAT],
  cohere: [COHERE('billed_units'), COHERE('tokens')],
  deepseek: [CHAT, RESPONSES],
  groq: [CHAT, RESPONSES],
  xai: [{ ...CHAT, outputIncludesReasoning: false }, RESPONSES],
  openrouter: [CHAT, RESPONSES],
  'ai-sdk': [AI_SDK_MODEL, AI_SDK],
}

/** Whether the object has a field of the shape. Several shapes have the same total. */
const fits = ({ input, moreInput = [], output, known = [] }: UsageShape, usage: object): boolean =>
  [...input, ...moreInput, ...output, ...known].some((path) => hasField(usage, path))

/** The shape that this object has; undefined if it has no field of any. */
export const shapeOf = (provider: UsageProvider, usage: object): UsageShape | undefined =>
  SHAPES[provider].find((shape) => fits(shape, usage)) ??
  SHAPES[provider].find(({ total = [] }) => total.some((path) => hasField(usage, path)))

/**
 * A field with tokens that the API of another provider reports and the API of this shape does not: then the usage is of that provider,
 * and these tokens would be lost.
 */
export function strangerIn(
  shape: UsageShape,
  usage: object,
): { provider: string; name: string } | null {
  const others = Object.entries(SHAPES).flatMap(([provider, shapes]) =>
    shapes.filter((other) => fits(other, usage)).map((other) => ({ provider, other })),
  )
  for (const name of ['cacheRead', 'cacheWrite', 'reasoning'] as const) {
    if (fieldOf(usage, shape[name], shape.missing) !== undefined) continue
    for (const { provider, other } of others) {
      const present = other[name]?.filter((path) => hasField(usage, path))
      const field = fieldOf(usage, present, other.missing)
      if (field !== undefined && field.count > 0) return { provider, name: field.name }
    }
  }
  return null
}
