// Two instrumentations of one call, whose spans are not nested, make one step.
import { describe, expect, it } from 'vitest'
import { totalOf } from '../../../src/record/otel/usage.ts'
import { agent, chat, idOf, namesOf, stepsOf } from './spans.ts'

const total = (spans: Parameters<typeof stepsOf>[0]) =>
  stepsOf(spans).reduce((sum, step) => sum + totalOf(step.usage), 0)

describe('spans of two scopes in one trace', () => {
  const LANGCHAIN = 'langchain'
  const OPENAI = 'openai'
  const pair = (
    first: Parameters<typeof chat>[1],
    second: Parameters<typeof chat>[1],
    more: { tokens?: [number, number] | null; first?: object; second?: object } = {},
  ) => [
    agent('root', { to: 500 }),
    chat('a', { parent: 'root', from: 0, to: 50, scope: LANGCHAIN, ...first }, [100, 20], {
      ...more.first,
    }),
    chat(
      'b',
      { parent: 'root', from: 10, to: 40, scope: OPENAI, ...second },
      more.tokens === undefined ? [100, 20] : more.tokens,
      { ...more.second },
    ),
  ]

  it('are one call if one interval holds the other', () => {
    const dated = {
      second: { 'gen_ai.response.id': 'x', 'gen_ai.response.model': 'gpt-5-2025-08-07' },
      first: { 'gen_ai.response.model': 'gpt-5' },
    }
    const [step, ...more] = stepsOf(pair({}, {}, dated))
    expect(more).toEqual([])
    const other = { first: dated.second, second: dated.first }
    expect(stepsOf(pair({}, {}, other))).toMatchObject([
      { modelId: 'gpt-5-2025-08-07', responseId: 'x', spanId: idOf('b') },
    ])
    expect(step).toMatchObject({
      responseId: 'x',
      requestModel: 'gpt-5',
      modelId: 'gpt-5-2025-08-07',
      spanId: idOf('b'),
    })
  })

  it('are one call although JavaScript cuts start times to milliseconds', () => {
    expect(total(pair({ from: 10, to: 40 }, { from: 11, to: 40.9 }))).toBe(120)
  })

  it('are one call if one has no usage, below the same agent', () => {
    expect(total(pair({}, {}, { tokens: null }))).toBe(120)
    expect(namesOf(stepsOf(pair({}, {}, { tokens: null })))).toEqual(['a+b'])
  })

  it('are one call if one knows only what was not cached', () => {
    const cache = { 'gen_ai.usage.cache_read.input_tokens': 80 }
    const spans = pair({}, {}, { tokens: [180, 20], second: cache })
    expect(stepsOf(spans)).toMatchObject([{ usage: { input: 100, cacheRead: 80, output: 20 } }])
  })

  it.each<[string, ReturnType<typeof pair>]>([
    ['of one scope', pair({}, { scope: LANGCHAIN })],
    ['one after the other', pair({}, { from: 60, to: 90 })],
    ['that only overlap', pair({}, { from: 10, to: 90 })],
    ['of different models', pair({}, {}, { second: { 'gen_ai.request.model': 'gpt-4o' } })],
    ['with different totals', pair({}, {}, { tokens: [99, 20] })],
    [
      'with different ids',
      pair({}, {}, { first: { 'gen_ai.response.id': 'x' }, second: { 'gen_ai.response.id': 'y' } }),
    ],
  ])('are two calls: %s', (_, spans) => {
    expect(stepsOf(spans)).toHaveLength(2)
  })

  it('without usage are two calls if another agent made one of them', () => {
    const spans = [
      ...pair({}, { parent: 'other' }, { tokens: null }),
      agent('other', { parent: 'root', from: 5, to: 45 }),
    ]
    expect(namesOf(stepsOf(spans))).toEqual(['a', 'other', 'b'])
  })

  it('never lose one of several calls at a time', () => {
    const calls = (scope: string, name: string, from: number, to: number) =>
      Array.from({ length: 300 }, (_, n) =>
        chat(`${name}${n}`, { parent: 'root', from: from + n / 1000, to: to + n / 1000, scope }),
      )
    const spans = [
      agent('root', { to: 500 }),
      ...calls(LANGCHAIN, 'a', 0, 100),
      ...calls(OPENAI, 'b', 10, 90),
    ]
    const steps = stepsOf(spans)
    expect(steps).toHaveLength(300)
    expect(steps.every(({ spanIds }) => spanIds.length === 2)).toBe(true)
  })

  it('of three instrumentations are one call', () => {
    const third = chat('c', { parent: 'root', from: 12, to: 38, scope: 'http client' })
    expect(namesOf(stepsOf([...pair({}, {}), third]))).toEqual(['a+b+c'])
  })
})
