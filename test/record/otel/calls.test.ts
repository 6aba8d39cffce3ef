// One call that several spans describe is one step.
import { describe, expect, it } from 'vitest'
import { totalOf } from '../../../src/record/otel/usage.ts'
import { agent, chat, idOf, namesOf, span, stepsOf, tool, usage } from './spans.ts'

const total = (spans: Parameters<typeof stepsOf>[0]) =>
  stepsOf(spans).reduce((sum, step) => sum + totalOf(step.usage), 0)

it('agents, containers and roots own no tokens', () => {
  const spans = [
    agent('root', { to: 90 }, { 'gen_ai.usage.input_tokens': 300 }),
    span(
      'turn',
      { parent: 'root' },
      {
        'gen_ai.operation.name': 'turn',
        'gen_ai.usage.input_tokens': 200,
      },
    ),
    chat('a', { parent: 'turn' }),
    span('http', { parent: 'a' }, { 'gen_ai.usage.input_tokens': 100 }),
  ]
  expect(namesOf(stepsOf(spans))).toEqual(['a'])
  expect(total(spans)).toBe(120)
})

describe('nested model spans', () => {
  it('are one call, also with a span of HTTP between them', () => {
    const spans = [
      chat('outer', { from: 0, to: 50 }, null),
      span('http', { parent: 'outer', from: 1, to: 49 }),
      chat('inner', { parent: 'http', from: 2, to: 40 }),
    ]
    const [step] = stepsOf(spans)
    expect(namesOf(stepsOf(spans))).toEqual(['inner+outer'])
    // The span that ended first arrived first. Its id stays if the other one comes later.
    expect(step).toMatchObject({ spanId: idOf('inner'), usage: usage({ input: 100, output: 20 }) })
    expect(step?.start).toBe(spans[0]?.startTime)
    expect(step?.end).toBe(spans[0]?.endTime)
  })

  it('are one call also if their scopes, ids and totals differ', () => {
    const spans = [
      chat('outer', { to: 50 }, [100, 20], { 'gen_ai.response.id': 'gateway-1' }),
      chat('inner', { parent: 'outer', to: 40 }, [101, 20], { 'gen_ai.response.id': 'openai-1' }),
    ]
    expect(namesOf(stepsOf(spans))).toEqual(['inner+outer'])
  })

  it('are two calls if a tool or an agent is between them', () => {
    for (const between of [tool, agent]) {
      const spans = [
        chat('outer', { to: 50 }),
        between('between', { parent: 'outer', to: 40 }),
        chat('inner', { parent: 'between', from: 1, to: 30, scope: 'other' }),
      ]
      expect(total(spans)).toBe(240)
    }
  })

  it('are two calls if a tool is between them and one has no usage', () => {
    const spans = [
      chat('outer', { to: 50 }, null),
      tool('between', { parent: 'outer', to: 40 }),
      chat('inner', { parent: 'between', from: 1, to: 30, scope: 'other' }),
    ]
    expect(namesOf(stepsOf(spans))).toEqual(['outer', 'between', 'inner'])
  })

  it('with a container between them are one call if they have the same total', () => {
    const spans = (output: number) => [
      chat('outer', { to: 50 }, [100, output]),
      span('step', { parent: 'outer', to: 45 }, { 'gen_ai.operation.name': 'step' }),
      chat('inner', { parent: 'step', to: 40 }),
    ]
    expect(total(spans(20))).toBe(120)
    expect(total(spans(21))).toBe(241)
  })

  it('are a call with its attempts if several are in one', () => {
    const spans = [
      chat('outer', { from: 0, to: 100 }, [100, 20]),
      chat('one', { parent: 'outer', from: 1, to: 10, error: '429' }, null),
      chat('two', { parent: 'outer', from: 20, to: 90 }, [100, 20]),
    ]
    const steps = stepsOf(spans)
    expect(namesOf(steps)).toEqual(['one', 'outer+two'])
    expect(steps).toMatchObject([
      { status: 'failed', usage: null, attempt: 0 },
      { status: 'success', usage: { input: 100 }, attempt: 1, spanId: idOf('two') },
    ])
    expect(total(spans)).toBe(120)
  })

  it('belong to the last attempt that succeeded', () => {
    const spans = [
      chat('outer', { to: 100 }, [100, 20]),
      chat('one', { parent: 'outer', from: 1, to: 10 }, null),
      chat('two', { parent: 'outer', from: 20, to: 90, error: 'late' }, null),
    ]
    expect(namesOf(stepsOf(spans))).toEqual(['one+outer', 'two'])
    expect(total(spans)).toBe(120)
  })

  it('keep the tokens of each attempt, and those of the outer span only if no attempt has any', () => {
    const attempts = (tokens: [number, number] | null) => [
      chat('outer', { to: 100 }, [300, 60]),
      chat('one', { parent: 'outer', from: 1, to: 10 }, tokens),
      chat('two', { parent: 'outer', from: 20, to: 90 }, tokens),
    ]
    expect(total(attempts([100, 20]))).toBe(240)
    expect(total(attempts(null))).toBe(360)
  })
})

describe('the same response id in one trace', () => {
  const LONG = 'chatcmpl-BXm1Kq0yM2nWf3'
  const two = (
    id: string,
    second: Parameters<typeof chat>[1],
    tokens: [number, number] | null = [100, 20],
    model = 'gpt-5',
  ) => [
    agent('root', { to: 9000 }),
    chat('a', { parent: 'root', from: 0, to: 50 }, [100, 20], { 'gen_ai.response.id': id }),
    chat('b', { parent: 'root', from: 10, to: 60, ...second }, tokens, {
      'gen_ai.response.id': id,
      'gen_ai.request.model': model,
    }),
  ]

  it('is one call, of one scope or two', () => {
    expect(total(two('msg_1', {}))).toBe(120)
    expect(total(two('msg_1', { scope: 'other' }))).toBe(120)
    expect(total(two(LONG, {}))).toBe(120)
  })

  it('is one call also if one has no usage', () => {
    expect(stepsOf(two('msg_1', {}, null))).toMatchObject([{ usage: { input: 100, output: 20 } }])
  })

  it('is one call for a long id, even later and with another total', () => {
    expect(total(two(LONG, { from: 5000, to: 6000 }, [90, 20]))).toBe(120)
  })

  it('is one call if no span names a model', () => {
    const spans = two('msg_1', {}).map((one) => ({
      ...one,
      attributes: Object.fromEntries(
        Object.entries(one.attributes).filter(([name]) => name !== 'gen_ai.request.model'),
      ),
    }))
    expect(total(spans)).toBe(120)
  })

  it('is two calls for a short id that a server uses again', () => {
    expect(stepsOf(two('chatcmpl-123', { from: 5000, to: 6000 }))).toHaveLength(2)
    expect(stepsOf(two('chatcmpl-123', {}, [90, 20]))).toHaveLength(2)
    expect(stepsOf(two('chatcmpl-123', {}, [100, 20], 'gpt-4o'))).toHaveLength(2)
  })
})

it('the richer usage is kept', () => {
  const spans = [
    chat('outer', { to: 50 }, [100, 20]),
    chat('inner', { parent: 'outer', to: 40 }, [100, 20], {
      'gen_ai.usage.cache_read.input_tokens': 60,
    }),
  ]
  expect(stepsOf(spans)).toMatchObject([{ usage: { input: 40, cacheRead: 60, output: 20 } }])
  const [outer, inner] = stepsOf([
    chat('outer', { to: 50 }, [100, 20], { 'gen_ai.usage.reasoning_tokens': 5 }),
    chat('inner', { parent: 'outer', to: 40 }, [100, 20]),
  ])
  expect(inner).toBeUndefined()
  expect(outer?.usage).toMatchObject({ output: 15, reasoning: 5 })
})

it('the innermost span is right if another one has more tokens: that may be a sum', () => {
  const spans = [
    chat('outer', { to: 90 }, [300, 60], { 'gen_ai.usage.cache_read.input_tokens': 50 }),
    chat('inner', { parent: 'outer', from: 1, to: 20 }),
    tool('weather', { parent: 'outer', from: 30, to: 80 }),
    chat('other', { parent: 'weather', from: 31, to: 70 }, [200, 40]),
  ]
  expect(namesOf(stepsOf(spans))).toEqual(['inner+outer', 'weather', 'other'])
  expect(total(spans)).toBe(360)
})

it('a larger usage of the same response is kept', () => {
  const id = { 'gen_ai.response.id': 'chatcmpl-BXm1Kq0yM2nWf3' }
  const spans = [
    chat('outer', { to: 90 }, [300, 60], id),
    chat('inner', { parent: 'outer', to: 20 }, [300, 1], id),
  ]
  expect(total(spans)).toBe(360)
})

it('a span that notes a model without its provider is no call', () => {
  const noted = { 'gen_ai.request.model': 'gpt-5', 'gen_ai.usage.input_tokens': 300 }
  expect(total([span('a', {}, noted), chat('b', {}, [10, 5])])).toBe(15)
})

it('a span that only names a model and its provider is a call, but a container if a model was called below it', () => {
  const guess = (id: string, given: object, tokens: number) =>
    span(id, given, {
      'gen_ai.system': 'openai',
      'gen_ai.request.model': 'gpt-5',
      'gen_ai.usage.input_tokens': tokens,
    })
  const root = guess('root', { to: 90 }, 300)
  expect(total([root])).toBe(300)
  const spans = [
    root,
    span('turn', { parent: 'root', to: 40 }, { 'gen_ai.operation.name': 'turn' }),
    guess('a', { parent: 'turn', to: 30 }, 100),
    tool('weather', { parent: 'root', from: 50, to: 80 }),
    chat('b', { parent: 'weather', from: 51, to: 70 }, [200, 0]),
  ]
  expect(namesOf(stepsOf(spans))).toEqual(['a', 'weather', 'b'])
  expect(total(spans)).toBe(300)
})

describe('the status of a call', () => {
  const nested = (outer: object, inner: object, tokens: [number, number] | null) =>
    stepsOf([
      chat('outer', { to: 50, ...outer }, tokens),
      chat('inner', { parent: 'outer', to: 40, ...inner }, null),
    ])

  it('is failed if one of its spans failed, because some emitters say OK for a failure', () => {
    expect(nested({}, { error: 'refused' }, null)).toMatchObject([
      { status: 'failed', errorMessage: 'refused' },
    ])
    expect(nested({ error: 'no JSON' }, {}, null)).toMatchObject([
      { status: 'failed', errorMessage: 'no JSON' },
    ])
  })

  it('is success if the span around a failed one has an answer', () => {
    expect(nested({}, { error: 'refused' }, [100, 20])).toMatchObject([
      { status: 'success', errorMessage: null },
    ])
  })
})

it('a tool call that two instrumentations see is one', () => {
  const twice = (scope: string) => [
    tool('weather', { to: 50 }),
    tool('weather2', { parent: 'weather', to: 40, scope }, { 'gen_ai.tool.name': 'weather' }),
  ]
  expect(stepsOf(twice('other'))).toMatchObject([{ kind: 'tool', name: 'weather' }])
  expect(stepsOf(twice('test'))).toHaveLength(2)
})
