// Usage objects of the versions of the AI SDK.
import type { Case } from './cases.ts'

export const aiSdkCases: Case[] = [
  {
    provider: 'ai-sdk',
    name: 'version 6',
    source: 'npm:ai@6.0.326 dist/index.d.ts LanguageModelUsage',
    usage: {
      ...{ inputTokens: 2048, outputTokens: 503, totalTokens: 2551 },
      inputTokenDetails: { noCacheTokens: 48, cacheReadTokens: 1800, cacheWriteTokens: 200 },
      outputTokenDetails: { textTokens: 403, reasoningTokens: 100 },
      ...{ reasoningTokens: 100, cachedInputTokens: 1800, raw: { input_tokens: 48 } },
    },
    tokens: { input: 48, output: 403, cacheRead: 1800, cacheWrite: 200, reasoning: 100 },
  },
  {
    provider: 'ai-sdk',
    name: 'version 6, nothing reported',
    source: 'npm:ai@6.0.326 dist/index.js createNullLanguageModelUsage',
    usage: {
      ...{ inputTokens: undefined, outputTokens: undefined, totalTokens: undefined },
      inputTokenDetails: { noCacheTokens: undefined, cacheReadTokens: undefined },
      outputTokenDetails: { textTokens: undefined, reasoningTokens: undefined },
    },
    tokens: {},
  },
  {
    provider: 'ai-sdk',
    name: 'version 6, usage of a language model',
    source: 'npm:@ai-sdk/provider@3.0.19 dist/index.d.ts LanguageModelV3Usage',
    usage: {
      inputTokens: { total: 120, noCache: 20, cacheRead: 100, cacheWrite: undefined },
      outputTokens: { total: 70, text: 40, reasoning: 30 },
    },
    tokens: { input: 20, output: 40, cacheRead: 100, reasoning: 30 },
  },
  {
    provider: 'ai-sdk',
    name: 'version 5 with OpenAI: the output includes reasoning',
    source: 'npm:@ai-sdk/provider@2.0.5 dist/index.d.ts LanguageModelV2Usage',
    usage: {
      ...{ inputTokens: 2006, outputTokens: 300, totalTokens: 2306 },
      ...{ reasoningTokens: 64, cachedInputTokens: 1920 },
    },
    tokens: { input: 86, output: 236, cacheRead: 1920, reasoning: 64 },
  },
  {
    provider: 'ai-sdk',
    name: 'version 5 with Gemini: the output is without reasoning, as the total proves',
    source: 'npm:@ai-sdk/google@2.0.108 dist/index.js',
    usage: {
      ...{ inputTokens: 10, outputTokens: 15, totalTokens: 325 },
      ...{ reasoningTokens: 300, cachedInputTokens: undefined },
    },
    tokens: { input: 10, output: 15, reasoning: 300 },
  },
  {
    provider: 'ai-sdk',
    name: 'version 4',
    source: 'npm:ai@4.3.19 dist/index.d.ts LanguageModelUsage',
    usage: { promptTokens: 10, completionTokens: 20, totalTokens: 30 },
    tokens: { input: 10, output: 20 },
  },
  {
    provider: 'ai-sdk',
    name: 'version 4, nothing reported',
    source: 'npm:ai@4.3.19 dist/index.js',
    usage: { promptTokens: Number.NaN, completionTokens: Number.NaN, totalTokens: Number.NaN },
    tokens: {},
  },
  {
    provider: 'ai-sdk',
    name: 'embedding',
    source: 'npm:ai@6.0.326 dist/index.d.ts EmbeddingModelUsage',
    usage: { tokens: 10 },
    tokens: { input: 10 },
  },
]
