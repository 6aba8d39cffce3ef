import { describe, expect, it } from 'vitest'
import type { Value } from '../../../src/record/otel/types.ts'
import { agent, factsOfSpans, usage, usageWith } from './spans.ts'

const tokens = (given: Record<string, Value>) =>
  Object.fromEntries(Object.entries(given).map(([name, count]) => [`gen_ai.usage.${name}`, count]))

describe('the first name of a count wins', () => {
  it.each([
    ['gen_ai.usage.input_tokens', 'input'],
    ['gen_ai.usage.prompt_tokens', 'input'],
    ['llm.token_count.prompt', 'input'],
    ['ai.usage.inputTokens', 'input'],
    ['ai.usage.promptTokens', 'input'],
    ['ai.usage.tokens', 'input'],
    ['llm.usage.prompt_tokens', 'input'],
    ['gen_ai.usage.output_tokens', 'output'],
    ['gen_ai.usage.completion_tokens', 'output'],
    ['llm.token_count.completion', 'output'],
    ['ai.usage.outputTokens', 'output'],
    ['ai.usage.completionTokens', 'output'],
    ['llm.usage.completion_tokens', 'output'],
    ['gen_ai.usage.cache_read.input_tokens', 'cacheRead'],
    ['gen_ai.usage.cache_read_input_tokens', 'cacheRead'],
    ['llm.token_count.prompt_details.cache_read', 'cacheRead'],
    ['ai.usage.inputTokenDetails.cacheReadTokens', 'cacheRead'],
    ['ai.usage.cachedInputTokens', 'cacheRead'],
    ['gen_ai.usage.cache_write.input_tokens', 'cacheWrite'],
    ['gen_ai.usage.cache_creation.input_tokens', 'cacheWrite'],
    ['gen_ai.usage.cache_write_input_tokens', 'cacheWrite'],
    ['gen_ai.usage.cache_creation_input_tokens', 'cacheWrite'],
    ['llm.token_count.prompt_details.cache_write', 'cacheWrite'],
    ['ai.usage.inputTokenDetails.cacheWriteTokens', 'cacheWrite'],
    ['gen_ai.usage.reasoning.output_tokens', 'reasoning'],
    ['gen_ai.usage.reasoning_tokens', 'reasoning'],
    ['llm.token_count.completion_details.reasoning', 'reasoning'],
    ['ai.usage.outputTokenDetails.reasoningTokens', 'reasoning'],
    ['ai.usage.reasoningTokens', 'reasoning'],
    ['gen_ai.usage.input_tokens.cached', 'cacheRead'],
    ['gen_ai.usage.cached_input_tokens', 'cacheRead'],
    ['gen_ai.usage.details.cache_read_tokens', 'cacheRead'],
    ['gen_ai.usage.experimental.cached_tokens', 'cacheRead'],
    ['gen_ai.usage.input_tokens.cache_write', 'cacheWrite'],
    ['gen_ai.usage.reasoning_output_tokens', 'reasoning'],
    ['gen_ai.usage.output_tokens.reasoning', 'reasoning'],
    ['gen_ai.usage.experimental.reasoning_tokens', 'reasoning'],
  ])('%s is %s', (name, expected) => {
    expect(usageWith({ [name]: 7 })).toEqual(usage({ [expected]: 7 }))
  })

  it('and the names of one count are never added', () => {
    expect(
      usageWith({
        'gen_ai.usage.input_tokens': 10,
        'gen_ai.usage.prompt_tokens': 11,
        'llm.token_count.prompt': 12,
        'ai.usage.promptTokens': 13,
      }),
    ).toEqual(usage({ input: 10 }))
  })

  it('and a value that is no count is not there', () => {
    for (const wrong of [1.5, Number.NaN, 'many', '1e3', '', null, true, [5], { a: 5 }, 2 ** 53])
      expect(
        usageWith({ 'gen_ai.usage.input_tokens': wrong, 'gen_ai.usage.prompt_tokens': 3 }),
      ).toEqual(usage({ input: 3 }))
  })

  it('and a whole number can be text', () => {
    expect(usageWith({ 'gen_ai.usage.input_tokens': '12' })).toEqual(usage({ input: 12 }))
  })
})

it('the cache is taken out of the input, and reasoning out of the output', () => {
  const reported = tokens({
    input_tokens: 100,
    output_tokens: 50,
    'cache_read.input_tokens': 60,
    'cache_creation.input_tokens': 10,
    'reasoning.output_tokens': 20,
  })
  const expected = { input: 30, output: 30, cacheRead: 60, cacheWrite: 10, reasoning: 20 }
  expect(usageWith(reported)).toEqual(expected)
})

describe('input is without the cache', () => {
  const reported = tokens({ input_tokens: 100, output_tokens: 5, 'cache_read.input_tokens': 40 })

  it('for the Anthropic instrumentation of OpenLLMetry', () => {
    const scope = '@traceloop/instrumentation-anthropic'
    expect(usageWith(reported, { scope })).toMatchObject({ input: 100, cacheRead: 40 })
  })

  it('for models of Anthropic in Strands, but not on Bedrock', () => {
    const strands = (model: string) =>
      usageWith({ ...reported, 'gen_ai.request.model': model }, { scope: 'strands-agents' })
    expect(strands('claude-sonnet-4-5')).toMatchObject({ input: 100, cacheRead: 40 })
    expect(strands('us.anthropic.claude-sonnet-4-5')).toMatchObject({ input: 60, cacheRead: 40 })
    expect(strands('gpt-5')).toMatchObject({ input: 60 })
  })

  it('for Anthropic and Bedrock in the AI SDK without details', () => {
    const sdk = (provider: string, more = {}) =>
      usageWith({ ...reported, 'ai.model.provider': provider, ...more }, { scope: 'ai' })
    expect(sdk('anthropic.messages')).toMatchObject({ input: 100 })
    expect(sdk('vertex.anthropic.messages')).toMatchObject({ input: 100 })
    expect(sdk('amazon-bedrock')).toMatchObject({ input: 100 })
    expect(sdk('openai.responses')).toMatchObject({ input: 60 })
    expect(
      sdk('anthropic.messages', { 'ai.usage.inputTokenDetails.cacheReadTokens': 40 }),
    ).toMatchObject({ input: 60 })
  })

  it('if the cache is larger', () => {
    const reads = tokens({ input_tokens: 100, 'cache_read.input_tokens': 101 })
    expect(usageWith(reads)).toEqual(usage({ input: 100, cacheRead: 101 }))
    const both = {
      ...reads,
      ...tokens({ 'cache_read.input_tokens': 60, 'cache_write.input_tokens': 41 }),
    }
    expect(usageWith(both)).toEqual(usage({ input: 100, cacheRead: 60, cacheWrite: 41 }))
  })

  it('if the total proves it', () => {
    expect(usageWith({ ...reported, 'gen_ai.usage.total_tokens': 145 })).toMatchObject({
      input: 100,
    })
    expect(usageWith({ ...reported, 'gen_ai.usage.total_tokens': 105 })).toMatchObject({
      input: 60,
    })
  })
})

it('the count of uncached tokens comes first, and only it is not reduced', () => {
  expect(
    usageWith({
      'gen_ai.usage.input_tokens': 100,
      'gen_ai.usage.output_tokens': 5,
      'gen_ai.usage.cache_read.input_tokens': 30,
      'ai.usage.inputTokenDetails.noCacheTokens': 64,
    }),
  ).toEqual(usage({ input: 64, output: 5, cacheRead: 30 }))
})

it('output is without reasoning if reasoning is larger, or if the total proves it', () => {
  const reported = tokens({ input_tokens: 10, output_tokens: 20, reasoning_tokens: 21 })
  expect(usageWith(reported)).toMatchObject({ output: 20, reasoning: 21 })
  // Gemini counts thoughts apart.
  const gemini = { ...reported, ...tokens({ reasoning_tokens: 8 }) }
  expect(usageWith({ ...gemini, 'gen_ai.usage.total_tokens': 38 })).toMatchObject({ output: 20 })
  expect(usageWith({ ...gemini, 'gen_ai.usage.total_tokens': 30 })).toMatchObject({ output: 12 })
  expect(usageWith(gemini)).toMatchObject({ output: 12, reasoning: 8 })
})

it('a total that leaves open what is apart proves nothing', () => {
  const reported = tokens({
    input_tokens: 100,
    output_tokens: 50,
    total_tokens: 160,
    'cache_read.input_tokens': 10,
    reasoning_tokens: 10,
  })
  expect(usageWith(reported)).toMatchObject({ input: 90, output: 40 })
})

it('no reported usage is no usage, not zero tokens', () => {
  expect(usageWith({})).toBeUndefined()
  expect(usageWith({ 'gen_ai.usage.total_tokens': 9 })).toBeUndefined()
  expect(usageWith({ 'gen_ai.usage.input_tokens': 0 })).toEqual(usage({ input: 0 }))
})

describe('usage within JSON', () => {
  it('of the provider metadata of the AI SDK: only the cache', () => {
    const metadata = (of: string, counts: object) => ({
      'ai.model.provider': 'anthropic.messages',
      'ai.usage.promptTokens': 5,
      'ai.response.providerMetadata': JSON.stringify({ [of]: { usage: counts } }),
    })
    const anthropic = {
      input_tokens: 9,
      cache_read_input_tokens: 70,
      cache_creation_input_tokens: 3,
    }
    const expected = usage({ input: 5, cacheRead: 70, cacheWrite: 3 })
    expect(usageWith(metadata('anthropic', anthropic), { scope: 'ai' })).toEqual(expected)
    const bedrock = { cacheReadInputTokens: 70, cacheWriteInputTokens: 3 }
    expect(usageWith(metadata('bedrock', bedrock), { scope: 'ai' })).toEqual(expected)
  })

  it('of Genkit, whose thoughts of Gemini are not in the output', () => {
    const counts = { inputTokens: 50, outputTokens: 9, thoughtsTokens: 6, cachedContentTokens: 20 }
    const genkit = (more: object) =>
      usageWith({ 'genkit:output': JSON.stringify({ usage: { ...counts, ...more } }) })
    expect(genkit({ totalTokens: 65 })).toEqual(
      usage({ input: 30, output: 9, reasoning: 6, cacheRead: 20 }),
    )
    expect(genkit({})).toMatchObject({ output: 3 })
  })

  it('of Langfuse: disjoint as it is, with audio', () => {
    const details = {
      input: 4,
      output: 3,
      total: 21,
      input_cached_tokens: 5,
      input_audio_tokens: 1,
    }
    expect(
      usageWith({
        'langfuse.observation.usage_details': JSON.stringify({
          ...details,
          output_reasoning_tokens: 8,
        }),
      }),
    ).toEqual(usage({ input: 5, output: 3, cacheRead: 5, reasoning: 8 }))
  })

  it('that is not valid is no usage', () => {
    for (const text of [
      '{',
      '[]',
      '"a"',
      '{"usage":[]}',
      '{"usage":{"inputTokens":"many"}}',
      'null',
    ])
      expect(
        usageWith({ 'genkit:output': text, 'langfuse.observation.usage_details': text }),
      ).toBeUndefined()
  })
})

it('a negative number of tokens stays, so that the span is refused', () => {
  expect(usageWith(tokens({ input_tokens: -1, output_tokens: 5 }))).toMatchObject({ input: -1 })
  expect(usageWith(tokens({ output_tokens: 5, reasoning_tokens: -2 }))).toMatchObject({
    reasoning: -2,
  })
  expect(usageWith(tokens({ input_tokens: 5, 'cache_read.input_tokens': -2 }))).toMatchObject({
    cacheRead: -2,
  })
})

it.each<[string, Value]>([
  ['a fraction', 100.5],
  ['a fraction as text', '100.5'],
  ['a number that JavaScript does not have exactly', '9223372036854775807'],
  ['a huge number', 1e300],
])('%s is no number of tokens, so that the span is refused', (_, count) => {
  expect(usageWith(tokens({ input_tokens: count, output_tokens: 5 }))).toMatchObject({
    input: -1,
    output: 5,
  })
})

it('a whole number may be written as a fraction', () => {
  expect(usageWith(tokens({ input_tokens: '100.0', output_tokens: 5 }))).toMatchObject({
    input: 100,
    output: 5,
  })
})

it('an agent with a number that is no count stays, without usage: the run needs its root', () => {
  const [facts] = factsOfSpans([agent('a', {}, tokens({ input_tokens: 1.5, output_tokens: -1 }))])
  expect(facts?.kind).toBe('agent')
  expect(facts?.usage).toBeUndefined()
})
