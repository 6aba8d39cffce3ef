// Usage objects of OpenAI and Azure, and of compatible APIs that are read as those of OpenAI.
import type { Case } from './cases.ts'

const OPENAI_CACHE = 'https://developers.openai.com/api/docs/guides/prompt-caching'
const XAI_TOTAL = 'https://docs.x.ai/docs/key-information/consumption-and-rate-limits'

const noDetails = { audio_tokens: 0, accepted_prediction_tokens: 0, rejected_prediction_tokens: 0 }

export const openaiCases: Case[] = [
  {
    provider: 'openai',
    name: 'chat completion with cached tokens and reasoning',
    source: 'npm:openai@6.49.0 resources/completions.d.ts CompletionUsage',
    usage: {
      ...{ prompt_tokens: 2006, completion_tokens: 300, total_tokens: 2306 },
      prompt_tokens_details: { cached_tokens: 1920, audio_tokens: 0 },
      completion_tokens_details: { reasoning_tokens: 64, ...noDetails },
    },
    tokens: { input: 86, output: 236, cacheRead: 1920, reasoning: 64 },
  },
  {
    provider: 'openai',
    name: 'last part of a stream with include_usage, without details',
    source: 'npm:openai@6.49.0 resources/chat/completions/completions.d.ts ChatCompletionChunk',
    usage: { prompt_tokens: 19, completion_tokens: 10, total_tokens: 29 },
    tokens: { input: 19, output: 10 },
  },
  {
    provider: 'openai',
    name: 'chat completion that writes to the cache',
    source: OPENAI_CACHE,
    usage: {
      ...{ prompt_tokens: 4100, completion_tokens: 7, total_tokens: 4107 },
      prompt_tokens_details: { cached_tokens: 1024, cache_write_tokens: 3000, audio_tokens: 0 },
      completion_tokens_details: { reasoning_tokens: 0, ...noDetails },
    },
    tokens: { input: 76, output: 7, cacheRead: 1024, cacheWrite: 3000, reasoning: 0 },
  },
  {
    provider: 'openai',
    name: 'response',
    source: 'npm:openai@6.49.0 resources/responses/responses.d.ts ResponseUsage',
    usage: {
      ...{ input_tokens: 2600, output_tokens: 1100, total_tokens: 3700 },
      input_tokens_details: { cached_tokens: 2000, cache_write_tokens: 400 },
      output_tokens_details: { reasoning_tokens: 1000 },
    },
    tokens: { input: 200, output: 100, cacheRead: 2000, cacheWrite: 400, reasoning: 1000 },
  },
  {
    provider: 'openai',
    name: 'realtime response',
    source: 'npm:openai@6.49.0 resources/realtime/realtime.d.ts RealtimeResponseUsage',
    usage: {
      ...{ input_tokens: 132, output_tokens: 121, total_tokens: 253 },
      input_token_details: { text_tokens: 119, audio_tokens: 13, cached_tokens: 64 },
      output_token_details: { text_tokens: 30, audio_tokens: 91 },
    },
    tokens: { input: 68, output: 121, cacheRead: 64 },
  },
  {
    provider: 'openai',
    name: 'embeddings, without output',
    source: 'npm:openai@6.49.0 resources/embeddings.d.ts CreateEmbeddingResponse.Usage',
    usage: { prompt_tokens: 8, total_tokens: 8 },
    tokens: { input: 8 },
  },
  {
    provider: 'openai',
    name: 'transcription that is billed by its duration',
    source: 'npm:openai@6.49.0 resources/audio/transcriptions.d.ts Transcription.Duration',
    usage: { type: 'duration', seconds: 37 },
    tokens: {},
  },
  {
    provider: 'openai',
    name: 'compatible API that reports only a total: tokens of no class',
    source: 'npm:voyageai@0.4.0 dist/cjs/api/types/EmbedResponseUsage.d.ts',
    usage: { total_tokens: 12 },
    tokens: { total: 12 },
  },
  {
    provider: 'openai',
    name: 'compatible API whose total has thoughts that no field reports',
    source: 'https://github.com/pydantic/pydantic-ai tests/models/cassettes/test_openai',
    usage: { prompt_tokens: 40, completion_tokens: 15, total_tokens: 120 },
    tokens: { input: 40, output: 15, total: 120 },
  },
  {
    provider: 'openai',
    name: 'compatible API whose total proves that the output is without reasoning',
    source: XAI_TOTAL,
    usage: {
      ...{ prompt_tokens: 41, completion_tokens: 12, total_tokens: 143 },
      prompt_tokens_details: { cached_tokens: 8, text_tokens: 41, audio_tokens: 0 },
      completion_tokens_details: { reasoning_tokens: 90, ...noDetails },
    },
    tokens: { input: 33, output: 12, cacheRead: 8, reasoning: 90 },
  },
  {
    provider: 'openai',
    name: 'LiteLLM in front of Claude',
    source: 'https://docs.litellm.ai/docs/completion/prompt_caching',
    usage: {
      ...{ prompt_tokens: 2400, completion_tokens: 50, total_tokens: 2450 },
      prompt_tokens_details: { cached_tokens: 1800 },
      ...{ cache_creation_input_tokens: 500, cache_read_input_tokens: 1800 },
    },
    tokens: { input: 100, output: 50, cacheRead: 1800, cacheWrite: 500 },
  },
  {
    provider: 'openai',
    name: 'Moonshot AI, whose cached tokens are not in details',
    source: 'npm:@ai-sdk/moonshotai@2.0.61 src/convert-moonshotai-chat-usage.ts',
    usage: { prompt_tokens: 200, completion_tokens: 30, total_tokens: 230, cached_tokens: 128 },
    tokens: { input: 72, output: 30, cacheRead: 128 },
  },
  {
    provider: 'azure',
    name: 'chat completion',
    source: 'https://learn.microsoft.com/azure/foundry-classic/openai/how-to/prompt-caching',
    usage: {
      ...{ prompt_tokens: 1600, completion_tokens: 1500, total_tokens: 3100 },
      prompt_tokens_details: { audio_tokens: null, cached_tokens: 1536 },
      completion_tokens_details: { audio_tokens: null, reasoning_tokens: 640 },
    },
    tokens: { input: 64, output: 860, cacheRead: 1536, reasoning: 640 },
  },
]
