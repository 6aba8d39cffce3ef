// Any counts, as each API would report them: the classes are the counts, and they add up to the total.
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { type Tokens, tokensFrom, type UsageProvider } from '../../../src/index.ts'
import { tokensOf } from '../../../src/queries/table/validate.ts'

interface Truth {
  input: number
  output: number
  cacheRead: number
  cacheWrite: number
  reasoning: number
}

const count = fc.oneof(fc.constant(0), fc.nat(9), fc.nat(2_000_000))
const truth: fc.Arbitrary<Truth> = fc.record({
  input: count,
  output: count,
  cacheRead: count,
  cacheWrite: count,
  reasoning: count,
})
const sum = (tokens: Tokens) => Object.values(tokens).reduce((all, one) => all + one, 0)

const chat = ({ input, output, cacheRead, cacheWrite, reasoning }: Truth, isApart = false) => ({
  prompt_tokens: input + cacheRead + cacheWrite,
  completion_tokens: output + (isApart ? 0 : reasoning),
  total_tokens: input + output + cacheRead + cacheWrite + reasoning,
  prompt_tokens_details: { cached_tokens: cacheRead, cache_write_tokens: cacheWrite },
  completion_tokens_details: { reasoning_tokens: reasoning },
})
const responses = ({ input, output, cacheRead, cacheWrite, reasoning }: Truth) => ({
  input_tokens: input + cacheRead + cacheWrite,
  output_tokens: output + reasoning,
  total_tokens: input + output + cacheRead + cacheWrite + reasoning,
  input_tokens_details: { cached_tokens: cacheRead, cache_write_tokens: cacheWrite },
  output_tokens_details: { reasoning_tokens: reasoning },
})

/** How an API reports the counts; a class that it does not know is a part of another one. */
const REPORTS: [UsageProvider, string, (counts: Truth) => object][] = [
  ['openai', 'Chat Completions', chat],
  ['openai', 'Responses', responses],
  ['openai', 'Chat Completions, output without reasoning', (counts) => chat(counts, true)],
  ['azure', 'Responses', responses],
  ['groq', 'Chat Completions', chat],
  ['deepseek', 'Chat Completions', chat],
  ['openrouter', 'Chat Completions', chat],
  ['mistral', 'Chat Completions', chat],
  ['xai', 'Chat Completions', (counts) => chat(counts, true)],
  ['xai', 'Responses', responses],
  [
    'anthropic',
    'Messages',
    ({ input, output, cacheRead, cacheWrite, reasoning }) => ({
      input_tokens: input,
      output_tokens: output + reasoning,
      cache_read_input_tokens: cacheRead,
      cache_creation_input_tokens: cacheWrite,
      output_tokens_details: { thinking_tokens: reasoning },
    }),
  ],
  [
    'ai-sdk',
    'version 6',
    ({ input, output, cacheRead, cacheWrite, reasoning }) => ({
      inputTokens: input + cacheRead + cacheWrite,
      inputTokenDetails: { cacheReadTokens: cacheRead, cacheWriteTokens: cacheWrite },
      outputTokens: output + reasoning,
      outputTokenDetails: { reasoningTokens: reasoning },
      totalTokens: input + output + cacheRead + cacheWrite + reasoning,
    }),
  ],
]

it.each(REPORTS)('%s, %s: the classes are disjoint and add up', (provider, _, report) => {
  fc.assert(
    fc.property(truth, (counts) => {
      const tokens = tokensFrom(provider, report(counts))
      expect(tokens).toEqual(counts)
      expect(tokensOf(tokens).total).toBe(sum(counts))
    }),
  )
})

it('google: thoughts and results of tools are not in candidates and prompt', () => {
  fc.assert(
    fc.property(truth, count, ({ cacheWrite: _, ...counts }, tools) => {
      const { input, output, cacheRead, reasoning } = counts
      const usage = {
        promptTokenCount: input + cacheRead,
        toolUsePromptTokenCount: tools,
        candidatesTokenCount: output,
        cachedContentTokenCount: cacheRead,
        thoughtsTokenCount: reasoning,
        totalTokenCount: sum(counts) + tools,
      }
      expect(tokensFrom('google', usage)).toEqual({ ...counts, input: input + tools })
    }),
  )
})

it('bedrock: the tokens of the cache are not in the input', () => {
  fc.assert(
    fc.property(truth, ({ reasoning: _, ...counts }) => {
      const usage = {
        inputTokens: counts.input,
        outputTokens: counts.output,
        cacheReadInputTokens: counts.cacheRead,
        cacheWriteInputTokens: counts.cacheWrite,
        totalTokens: sum(counts),
      }
      expect(tokensFrom('bedrock', usage)).toEqual(counts)
    }),
  )
})

it('any total: the tokens are that total, or the usage is refused', () => {
  fc.assert(
    fc.property(truth, fc.nat(9_000_000), (counts, total) => {
      const usage = { ...chat(counts), total_tokens: total }
      const known = sum(counts)
      if (total >= known) expect(tokensOf(tokensFrom('openai', usage)).total).toBe(total)
      else expect(() => tokensFrom('openai', usage)).toThrow(/total_tokens is \d+, less than/)
    }),
  )
})

it('any parts of a stream of anthropic: the last count of each field counts', () => {
  const part = fc.record(
    { input_tokens: fc.option(count), output_tokens: count, cache_read_input_tokens: count },
    { requiredKeys: ['output_tokens'] },
  )
  fc.assert(
    fc.property(fc.array(part, { minLength: 1 }), (parts) => {
      const last = (name: keyof (typeof parts)[number]) =>
        parts.map((one) => one[name]).findLast((one) => one !== undefined && one !== null)
      const expected = {
        input: last('input_tokens'),
        output: last('output_tokens'),
        cacheRead: last('cache_read_input_tokens'),
      }
      expect(tokensFrom('anthropic', parts)).toEqual(expected)
    }),
  )
})
