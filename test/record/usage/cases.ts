// Usage objects with the fields of each API, and the tokens that they are. `source` says where the fields are described.
import type { Tokens } from '../../../src/queries/table/validate.ts'
import type { UsageProvider } from '../../../src/record/usage/shapes.ts'

export interface Case {
  provider: UsageProvider
  name: string
  source: string
  usage: object
  tokens: Tokens
}

const ANTHROPIC_TYPES = 'npm:@anthropic-ai/sdk@1.14.0 resources/messages/messages.d.ts'

export const cases: Case[] = [
  {
    provider: 'anthropic',
    name: 'message with a cache of 5 minutes and of 1 hour: both are cache writes',
    source: `${ANTHROPIC_TYPES} Usage`,
    usage: {
      ...{ input_tokens: 48, output_tokens: 503 },
      ...{ cache_creation_input_tokens: 248, cache_read_input_tokens: 1800 },
      cache_creation: { ephemeral_5m_input_tokens: 148, ephemeral_1h_input_tokens: 100 },
      ...{ service_tier: 'standard', server_tool_use: { web_search_requests: 2 } },
    },
    tokens: { input: 48, output: 503, cacheRead: 1800, cacheWrite: 248 },
  },
  {
    provider: 'anthropic',
    name: 'message with thinking, which is a part of the output',
    source: `${ANTHROPIC_TYPES} OutputTokensDetails`,
    usage: {
      ...{ input_tokens: 60, output_tokens: 170, output_tokens_details: { thinking_tokens: 120 } },
      ...{ cache_creation_input_tokens: 0, cache_read_input_tokens: 0 },
    },
    tokens: { input: 60, output: 50, cacheRead: 0, cacheWrite: 0, reasoning: 120 },
  },
  {
    provider: 'anthropic',
    name: 'message whose cache was not used: null is not reported',
    source: `${ANTHROPIC_TYPES} Usage`,
    usage: {
      ...{ input_tokens: 25, output_tokens: 15, output_tokens_details: null },
      ...{ cache_creation: null, cache_creation_input_tokens: null, cache_read_input_tokens: null },
    },
    tokens: { input: 25, output: 15 },
  },
  {
    provider: 'anthropic',
    name: 'stream: the counts of message_delta are cumulative',
    source: `${ANTHROPIC_TYPES} MessageDeltaUsage, and lib/MessageStream.js`,
    usage: [
      {
        ...{ input_tokens: 2500, output_tokens: 2, service_tier: 'standard' },
        ...{ cache_creation_input_tokens: 0, cache_read_input_tokens: 1200 },
      },
      { output_tokens: 90, input_tokens: null, cache_read_input_tokens: null },
      {
        ...{ input_tokens: 9800, output_tokens: 500 },
        ...{ cache_creation_input_tokens: 0, cache_read_input_tokens: 1200 },
        server_tool_use: { web_search_requests: 1 },
      },
    ],
    tokens: { input: 9800, output: 500, cacheRead: 1200, cacheWrite: 0 },
  },
  {
    provider: 'anthropic',
    name: 'message after a compaction, whose tokens are added; those of an advisor are not',
    source: 'npm:@anthropic-ai/sdk@1.14.0 resources/beta/messages/messages.d.ts BetaUsage',
    usage: {
      ...{ input_tokens: 300, output_tokens: 20 },
      ...{ cache_creation_input_tokens: 0, cache_read_input_tokens: 0 },
      iterations: [
        {
          ...{ type: 'compaction', input_tokens: 70, output_tokens: 400 },
          ...{ cache_creation_input_tokens: 55_000, cache_read_input_tokens: 40 },
        },
        { type: 'message', input_tokens: 300, output_tokens: 20, cache_read_input_tokens: 0 },
        { type: 'advisor_message', model: 'claude-opus-4-8', input_tokens: 9, output_tokens: 8 },
      ],
    },
    tokens: { input: 370, output: 420, cacheRead: 40, cacheWrite: 55_000 },
  },
  {
    provider: 'google',
    name: 'Gemini with cached content, thoughts and the results of tools',
    source: 'npm:@google/genai@2.32.0 dist/genai.d.ts GenerateContentResponseUsageMetadata',
    usage: {
      ...{ promptTokenCount: 500, cachedContentTokenCount: 450, candidatesTokenCount: 130 },
      ...{ thoughtsTokenCount: 400, toolUsePromptTokenCount: 770, totalTokenCount: 1800 },
      promptTokensDetails: [{ modality: 'TEXT', tokenCount: 500 }],
    },
    tokens: { input: 820, output: 130, cacheRead: 450, reasoning: 400 },
  },
  {
    provider: 'google',
    name: 'Gemini that only thought: no candidates',
    source: 'https://ai.google.dev/api/generate-content#UsageMetadata',
    usage: { promptTokenCount: 12, thoughtsTokenCount: 300, totalTokenCount: 312 },
    tokens: { input: 12, reasoning: 300 },
  },
  {
    provider: 'google',
    name: 'Vertex AI, first part of a stream',
    source:
      'https://cloud.google.com/vertex-ai/generative-ai/docs/reference/rest/v1/GenerateContentResponse',
    usage: { trafficType: 'ON_DEMAND' },
    tokens: {},
  },
  {
    provider: 'google',
    name: 'Live API',
    source: 'npm:@google/genai@2.32.0 dist/genai.d.ts UsageMetadata',
    usage: { promptTokenCount: 120, responseTokenCount: 40, totalTokenCount: 160 },
    tokens: { input: 120, output: 40 },
  },
  {
    provider: 'google',
    name: 'Interactions API',
    source: 'npm:@google/genai@2.32.0 dist/genai.d.ts Usage',
    usage: {
      ...{ total_input_tokens: 30, total_cached_tokens: 10, total_tool_use_tokens: 200 },
      ...{ total_output_tokens: 600, total_thought_tokens: 1100, total_tokens: 1930 },
    },
    tokens: { input: 220, output: 600, cacheRead: 10, reasoning: 1100 },
  },
  {
    provider: 'bedrock',
    name: 'Converse with a cache, whose tokens are not in the input',
    source: 'npm:@aws-sdk/client-bedrock-runtime@3.1164.0 models TokenUsage',
    usage: {
      ...{ inputTokens: 5, outputTokens: 130, totalTokens: 2185 },
      ...{ cacheReadInputTokens: 1800, cacheWriteInputTokens: 250 },
      cacheDetails: [{ inputTokens: 250, ttl: '5m' }],
    },
    tokens: { input: 5, output: 130, cacheRead: 1800, cacheWrite: 250 },
  },
  {
    provider: 'bedrock',
    name: 'Converse whose total is without the cache, as its documentation has it',
    source: 'https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_TokenUsage.html',
    usage: { inputTokens: 20, outputTokens: 400, totalTokens: 420, cacheReadInputTokenCount: 900 },
    tokens: { input: 20, output: 400, cacheRead: 900 },
  },
  {
    provider: 'cohere',
    name: 'chat: billed_units count, tokens and cached_tokens do not',
    source: 'https://docs.cohere.com/v2/docs/how-does-cohere-pricing-work',
    usage: {
      billed_units: { input_tokens: 40, output_tokens: 30 },
      tokens: { input_tokens: 1500, output_tokens: 60 },
      cached_tokens: 160,
    },
    tokens: { input: 40, output: 30 },
  },
  {
    provider: 'cohere',
    name: 'chat, as the SDK names the fields, without billed units',
    source: 'npm:cohere-ai@8.1.0 api/types/Usage.d.ts',
    usage: { tokens: { inputTokens: 90, outputTokens: 12 } },
    tokens: { input: 90, output: 12 },
  },
  {
    provider: 'cohere',
    name: 'meta of embeddings of images',
    source: 'npm:cohere-ai@8.1.0 api/types/ApiMeta.d.ts',
    usage: { api_version: { version: '2' }, billed_units: { images: 2, image_tokens: 3000 } },
    tokens: { input: 3000 },
  },
  {
    provider: 'cohere',
    name: 'rerank, which is billed by searches',
    source: 'npm:cohere-ai@8.1.0 api/types/ApiMetaBilledUnits.d.ts',
    usage: { billed_units: { search_units: 1 }, tokens: { input_tokens: 100 } },
    tokens: {},
  },
]
