import { expect, it } from 'vitest'
import { type Tokens, tokensFrom, type UsageProvider, WfstoreError } from '../../../src/index.ts'
import { tokensOf } from '../../../src/queries/table/validate.ts'
import { SHAPES } from '../../../src/record/usage/shapes.ts'
import { aiSdkCases } from './ai-sdk-cases.ts'
import { cases } from './cases.ts'
import { compatibleCases } from './compatible-cases.ts'
import { openaiCases } from './openai-cases.ts'

const all = [...openaiCases, ...compatibleCases, ...cases, ...aiSdkCases]

it.each(all)('$provider: $name', ({ provider, usage, tokens }) => {
  const got = tokensFrom(provider, usage)
  expect(got).toStrictEqual(tokens)
  // A recorder takes them as they are.
  expect(() => tokensOf(got)).not.toThrow()
})

it('each provider has a case, and each case says where its fields are described', () => {
  const tested = new Set(all.map(({ provider }) => provider))
  expect([...tested].sort()).toEqual(Object.keys(SHAPES).sort())
  expect(all.filter(({ source }) => !/^(https:\/\/|npm:)/.test(source))).toEqual([])
})

it.each(Object.keys(SHAPES) as UsageProvider[])('%s: no usage object is no tokens', (provider) => {
  expect(tokensFrom(provider, null)).toEqual({})
  expect(tokensFrom(provider, undefined)).toEqual({})
})

/** The message and the hint of the error for this usage. */
function refusal(provider: string, usage: unknown): [string, string | undefined] {
  let tokens: Tokens
  try {
    tokens = tokensFrom(provider as UsageProvider, usage as object)
  } catch (error) {
    expect(error).toBeInstanceOf(WfstoreError)
    const { code, message, hint } = error as WfstoreError
    expect(code).toBe('usage')
    return [message, hint]
  }
  return expect.fail(`taken as ${JSON.stringify(tokens)}`)
}

const chat = { prompt_tokens: 20, completion_tokens: 10, total_tokens: 30 }

it.each([
  ['-1', { ...chat, prompt_tokens: -1 }, 'usage.prompt_tokens is -1'],
  ['a fraction', { ...chat, completion_tokens: 1.5 }, 'usage.completion_tokens is 1.5'],
  ['NaN', { ...chat, prompt_tokens: Number.NaN }, 'usage.prompt_tokens is NaN'],
  ['infinity', { ...chat, total_tokens: Infinity }, 'usage.total_tokens is Infinity'],
  ['a text', { ...chat, prompt_tokens: '20' }, 'usage.prompt_tokens is "20"'],
  ['a bigint', { ...chat, prompt_tokens: 20n }, 'usage.prompt_tokens is 20'],
  ['true', { ...chat, total_tokens: true }, 'usage.total_tokens is true'],
  [
    'a negative detail',
    { ...chat, prompt_tokens_details: { cached_tokens: -5 } },
    'usage.prompt_tokens_details.cached_tokens is -5',
  ],
  [
    'a detail by the name of an SDK',
    { promptTokens: 5, promptTokensDetails: { cachedTokens: 'x' } },
    'usage.promptTokensDetails.cachedTokens is "x"',
  ],
])('%s is no count', (_, usage, message) => {
  expect(refusal('openai', usage)).toEqual([`${message}, not a whole number from 0`, undefined])
})

it('a count from 2^53 and details that are no object are refused', () => {
  const large = { ...chat, prompt_tokens: 2 ** 53 }
  expect(refusal('openai', large)[0]).toMatch(/^usage.prompt_tokens is 9007199254740992, not/)
  const text = { ...chat, prompt_tokens_details: 'x' }
  expect(refusal('openai', text)[0]).toBe('usage.prompt_tokens_details is not an object')
})

it('a part that is larger than its whole is refused by its name', () => {
  expect(refusal('openai', { ...chat, prompt_tokens_details: { cached_tokens: 21 } })).toEqual([
    'usage.prompt_tokens_details.cached_tokens is 21, more than usage.prompt_tokens, which is 20',
    'pass the provider whose API returned this usage: here usage.prompt_tokens includes usage.prompt_tokens_details.cached_tokens',
  ])
  const both = { cached_tokens: 11, cache_write_tokens: 12 }
  expect(refusal('openrouter', { ...chat, prompt_tokens_details: both })[0]).toBe(
    'usage.prompt_tokens_details.cached_tokens and usage.prompt_tokens_details.cache_write_tokens are 11 and 12, more than usage.prompt_tokens, which is 20',
  )
  const thoughts = { completion_tokens_details: { reasoning_tokens: 11 } }
  expect(refusal('openai', { ...chat, ...thoughts })[0]).toBe(
    'usage.completion_tokens_details.reasoning_tokens is 11, more than usage.completion_tokens, which is 10',
  )
  const details = {
    input_tokens: 1,
    output_tokens: 5,
    output_tokens_details: { thinking_tokens: 6 },
  }
  expect(refusal('anthropic', details)[0]).toBe(
    'usage.output_tokens_details.thinking_tokens is 6, more than usage.output_tokens, which is 5',
  )
})

it('a total that is less than its parts is refused', () => {
  expect(refusal('openai', { ...chat, total_tokens: 29 })).toEqual([
    'usage.total_tokens is 29, less than the sum of its parts, 30',
    'pass the provider whose API returned this usage',
  ])
})

it('an unknown provider is refused with the one that was probably meant', () => {
  expect(refusal('anthropc', {})).toEqual(['provider anthropc is unknown', 'use anthropic'])
  expect(refusal('toString', chat)).toEqual([
    'provider toString is unknown',
    'use openai, azure, bedrock, anthropic, google, mistral, cohere, deepseek, groq, xai, openrouter, ai-sdk',
  ])
})

it.each([
  ['a whole response', { id: 'chatcmpl-1', usage: chat }],
  ['an empty object', {}],
  ['a list', [chat]],
  ['a text', JSON.stringify(chat)],
  ['a number', 5],
  ['a usage object of another API', { promptTokenCount: 4, totalTokenCount: 9 }],
])('%s is no usage object', (_, usage) => {
  expect(refusal('openai', usage)).toEqual([
    'usage has no field of a usage object of openai',
    'pass the usage object of a response, with prompt_tokens or input_tokens',
  ])
})

it('an empty stream is no usage object', () => {
  expect(refusal('anthropic', [])[1]).toBe('pass the usage object of a response, with input_tokens')
  expect(refusal('cohere', { tokens: null })[1]).toBe(
    'pass the usage object of a response, with billed_units.input_tokens or tokens.input_tokens',
  )
})

it('tokens of a class that only another API reports are refused, so that none are lost', () => {
  const claude = { input_tokens: 4, output_tokens: 9, cache_read_input_tokens: 2000 }
  expect(refusal('openai', claude)).toEqual([
    'usage.cache_read_input_tokens is not a field of openai',
    'use anthropic',
  ])
  const response = { input_tokens: 9, output_tokens: 4, input_tokens_details: { cached_tokens: 8 } }
  expect(refusal('anthropic', response)).toEqual([
    'usage.input_tokens_details.cached_tokens is not a field of anthropic',
    'use openai',
  ])
  const converse = { inputTokens: 4, outputTokens: 9, cacheReadInputTokens: 2000 }
  expect(refusal('ai-sdk', converse)[1]).toBe('use bedrock')
  expect(refusal('bedrock', { inputTokens: 9, cachedInputTokens: 8 })[1]).toBe('use ai-sdk')
  // Without tokens nothing is lost.
  expect(tokensFrom('openai', { ...claude, cache_read_input_tokens: 0 })).toEqual({
    ...{ input: 4, output: 9 },
  })
})

it('other fields are ignored, and a usage object may be an instance of a class', () => {
  class Usage {
    prompt_tokens = 7
    #completion = 3
    get completion_tokens() {
      return this.#completion
    }
    service_tier = { prompt_tokens: 'x' }
  }
  expect(tokensFrom('openai', new Usage())).toEqual({ input: 7, output: 3 })
})
