import type { Span, Value } from './types.ts'
import { firstOf, jsonObjectOf, textOf, wholeOf } from './values.ts'

const PROVIDERS = [
  'gen_ai.provider.name',
  'gen_ai.system',
  'ai.model.provider',
  'llm.provider',
  'llm.system',
]
/** Frameworks that name themselves where the provider is expected. */
const FRAMEWORKS: ReadonlySet<string> = new Set([
  'agno',
  'crewai',
  'gcp.vertex.agent',
  'haystack',
  'langchain',
  'langgraph',
  'litellm',
  'llama_index',
  'microsoft.agent_framework',
  'spring_ai',
  'strands-agents',
  'vercel',
])

const REQUEST_MODELS = [
  'gen_ai.request.model',
  'ai.model.id',
  'llm.request.model',
  'llm.request.model_name',
  'embedding.model_name',
  'genkit:name',
  'gen_ai.model_name',
  'model',
]
const RESPONSE_MODELS = [
  'gen_ai.response.model',
  'ai.response.model',
  'llm.response.model',
  'llm.response.model_name',
  'llm.model_name',
  'langfuse.observation.model.name',
]
const RESPONSE_IDS = ['gen_ai.response.id', 'ai.response.id', 'llm.response.id']
const RESENDS = ['http.request.resend_count', 'http.resend_count']

/** The AI SDK appends the API of the provider: openai.responses, anthropic.messages, google.generative-ai. */
const API =
  /\.(chat|responses|messages|completions?|embeddings?|generative-ai|image|speech|transcription)$/

export const providerOf = ({ attributes }: Span): string | undefined =>
  firstOf(attributes, PROVIDERS, (value: Value | undefined) => {
    const name = textOf(value)
    return name === undefined || FRAMEWORKS.has(name.toLowerCase())
      ? undefined
      : name.replace(API, '')
  })

export const requestModelOf = ({ attributes }: Span): string | undefined =>
  firstOf(attributes, REQUEST_MODELS, textOf) ??
  firstOf(attributes, ['llm.invocation_parameters'], (value) => textOf(jsonObjectOf(value)?.model))

/** The model that answered. */
export const responseModelOf = ({ attributes }: Span): string | undefined =>
  firstOf(attributes, RESPONSE_MODELS, textOf)

export const responseIdOf = ({ attributes }: Span): string | undefined =>
  firstOf(attributes, RESPONSE_IDS, textOf)

export const resendsOf = ({ attributes }: Span): number | undefined =>
  firstOf(attributes, RESENDS, (value) => {
    const count = wholeOf(value) ?? 0
    return count > 0 ? count : undefined
  })
