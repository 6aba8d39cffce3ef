// Usage objects of other APIs in the shapes of OpenAI.
import type { Case } from './cases.ts'

const XAI_CACHE = 'https://docs.x.ai/developers/advanced-api-usage/prompt-caching/usage-and-pricing'
const XAI_TOTAL = 'https://docs.x.ai/docs/key-information/consumption-and-rate-limits'

const noDetails = { audio_tokens: 0, accepted_prediction_tokens: 0, rejected_prediction_tokens: 0 }

export const compatibleCases: Case[] = [
  {
    provider: 'mistral',
    name: 'chat completion with cached tokens',
    source: 'https://docs.mistral.ai/studio-api/conversations/advanced/prompt-caching',
    usage: {
      ...{ prompt_tokens: 970, total_tokens: 1000, completion_tokens: 30 },
      prompt_tokens_details: { cached_tokens: 960 },
    },
    tokens: { input: 10, output: 30, cacheRead: 960 },
  },
  {
    provider: 'mistral',
    name: 'chat completion, as the SDK names the fields',
    source: 'npm:@mistralai/mistralai@2.7.0 esm/models/components/usageinfodollardefs.d.ts',
    usage: { promptTokens: 200, completionTokens: 6, totalTokens: 206, numCachedTokens: 128 },
    tokens: { input: 72, output: 6, cacheRead: 128 },
  },
  {
    provider: 'deepseek',
    name: 'chat completion with cache hits',
    source: 'https://api-docs.deepseek.com/api/create-chat-completion',
    usage: {
      ...{ prompt_tokens: 600, completion_tokens: 120, total_tokens: 720 },
      ...{ prompt_cache_hit_tokens: 512, prompt_cache_miss_tokens: 88 },
      completion_tokens_details: { reasoning_tokens: 70 },
    },
    tokens: { input: 88, output: 50, cacheRead: 512, reasoning: 70 },
  },
  {
    provider: 'groq',
    name: 'chat completion',
    source: 'npm:groq-sdk@1.6.0 resources/completions.d.ts CompletionUsage',
    usage: {
      ...{ prompt_tokens: 400, completion_tokens: 100, total_tokens: 500 },
      ...{ queue_time: 0.005, prompt_time: 0.56, completion_time: 0.57, total_time: 1.14 },
      prompt_tokens_details: { cached_tokens: 256 },
      completion_tokens_details: { reasoning_tokens: 55 },
    },
    tokens: { input: 144, output: 45, cacheRead: 256, reasoning: 55 },
  },
  {
    provider: 'xai',
    name: 'chat completion: completion_tokens are without reasoning',
    source: XAI_TOTAL,
    usage: {
      ...{ prompt_tokens: 41, completion_tokens: 12, total_tokens: 143 },
      prompt_tokens_details: { text_tokens: 41, audio_tokens: 0, cached_tokens: 8 },
      completion_tokens_details: { reasoning_tokens: 90, ...noDetails },
      num_sources_used: 0,
    },
    tokens: { input: 33, output: 12, cacheRead: 8, reasoning: 90 },
  },
  {
    provider: 'xai',
    name: 'chat completion whose total proves that the output includes reasoning',
    source: XAI_TOTAL,
    usage: {
      ...{ prompt_tokens: 41, completion_tokens: 102, total_tokens: 143 },
      completion_tokens_details: { reasoning_tokens: 90, ...noDetails },
    },
    tokens: { input: 41, output: 12, reasoning: 90 },
  },
  {
    provider: 'xai',
    name: 'chat completion without a total',
    source: XAI_TOTAL,
    usage: {
      ...{ prompt_tokens: 32, completion_tokens: 90 },
      completion_tokens_details: { reasoning_tokens: 40 },
    },
    tokens: { input: 32, output: 90, reasoning: 40 },
  },
  {
    provider: 'xai',
    name: 'response: output_tokens include reasoning',
    source: XAI_CACHE,
    usage: {
      ...{ input_tokens: 250, output_tokens: 850, total_tokens: 1100, num_sources_used: 0 },
      input_tokens_details: { cached_tokens: 200 },
      output_tokens_details: { reasoning_tokens: 240 },
    },
    tokens: { input: 50, output: 610, cacheRead: 200, reasoning: 240 },
  },
  {
    provider: 'openrouter',
    name: 'chat completion with its cost',
    source: 'https://openrouter.ai/docs/use-cases/usage-accounting',
    usage: {
      ...{ prompt_tokens: 2600, completion_tokens: 190, total_tokens: 2790 },
      prompt_tokens_details: { cached_tokens: 2500, cache_write_tokens: 80, audio_tokens: 0 },
      completion_tokens_details: { reasoning_tokens: 120, image_tokens: 0 },
      ...{ cost: 0.0025, is_byok: false, cost_details: { upstream_inference_cost: null } },
    },
    tokens: { input: 20, output: 70, cacheRead: 2500, cacheWrite: 80, reasoning: 120 },
  },
  {
    provider: 'openrouter',
    name: 'chat completion, as the SDK names the fields',
    source: 'npm:@openrouter/sdk@1.3.19 esm/models/chatusage.d.ts',
    usage: {
      ...{ promptTokens: 50, completionTokens: 20, totalTokens: 70 },
      promptTokensDetails: { cachedTokens: 30 },
      completionTokensDetails: { reasoningTokens: null },
    },
    tokens: { input: 20, output: 20, cacheRead: 30 },
  },
]
