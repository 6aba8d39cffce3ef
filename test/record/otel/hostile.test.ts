// Emitters are not trusted: any value in any attribute, any parents, any number of spans.
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { factsOf } from '../../../src/record/otel/facts.ts'
import { runOf } from '../../../src/record/otel/run.ts'
import type { Facts, Span, Value } from '../../../src/record/otel/types.ts'
import { LONGEST_NAME } from '../../../src/tables/column.ts'
import { CAPTURES, spansOfCapture } from './captures.ts'
import {
  agent,
  at,
  chat,
  factsOfSpans,
  idOf,
  mappingWith,
  namesOf,
  span,
  tool,
  traced,
} from './spans.ts'

const mapping = mappingWith({
  trustCost: true,
  content: { limit: 100, drop: [] },
  tags: { team: ['user.id'] },
})

const everyName = async () => {
  const names = new Set<string>()
  for (const capture of CAPTURES)
    for (const { attributes } of await spansOfCapture(capture))
      for (const name of Object.keys(attributes)) names.add(name)
  return [...names, '__proto__', 'constructor', 'llm.usage.prompt_tokens', 'gen_ai.usage.cost']
}

const TEXTS: (keyof Facts)[] = [
  'name',
  'scope',
  'errorMessage',
  'provider',
  'requestModel',
  'responseModel',
  'responseId',
  'toolName',
  'agentName',
  'runName',
  'workflowName',
  'serviceName',
  'userId',
  'sessionId',
  'mode',
  'cost',
]

function expectSound(facts: Facts): void {
  for (const name of TEXTS) {
    const text = facts[name]
    if (text === undefined) continue
    expect(typeof text).toBe('string')
    expect(text).not.toBe('')
    expect(Buffer.byteLength(text as string)).toBeLessThanOrEqual(4000)
    expect(text).not.toMatch(/\0|\p{Surrogate}/u)
  }
  for (const count of Object.values(facts.usage ?? {}))
    expect(count === null || Number.isSafeInteger(count)).toBe(true)
  expect(JSON.parse(JSON.stringify(facts))).toEqual(facts)
}

describe('attributes of any type', () => {
  it('give facts that the database can store, and a run', async () => {
    const names = await everyName()
    const kind = fc.constantFrom<[string, string]>(
      ['gen_ai.operation.name', 'chat'],
      ['gen_ai.operation.name', 'execute_tool'],
      ['openinference.span.kind', 'LLM'],
      ['genkit:metadata:subtype', 'model'],
      ['langfuse.observation.type', 'generation'],
    )
    const value = fc.oneof(
      fc.jsonValue() as fc.Arbitrary<Value>,
      fc.jsonValue().map((one) => JSON.stringify(one)),
      fc.string({ unit: 'binary' }),
      fc.double(),
      fc.constantFrom('\0', '\ud800', '1e400', '-1', ' ', 'NaN'),
    )
    const attributes = fc.array(fc.tuple(fc.constantFrom(...names), value), { maxLength: 30 })
    fc.assert(
      fc.property(kind, attributes, ([name, kindOf], list) => {
        const one = span('a', {}, Object.fromEntries([...list, [name, kindOf]]))
        const facts = factsOf(one, mapping)
        expectSound(facts)
        const isStep = facts.kind === 'model' || facts.kind === 'tool'
        expect(runOf([facts])?.steps.length ?? 0).toBe(isStep ? 1 : 0)
      }),
      { numRuns: 1000 },
    )
  })

  it('an array where a text is expected is not there', () => {
    const attributes = {
      'gen_ai.response.id': ['x'],
      'user.id': ['ann'],
      'gen_ai.system': { a: 1 },
    }
    const facts = factsOf(chat('a', {}, null, attributes), mapping)
    expect(facts.responseId ?? facts.userId ?? facts.provider).toBeUndefined()
  })

  it('names of JavaScript are no attributes', () => {
    const names = ['constructor', 'toString', '__proto__', 'hasOwnProperty.name']
    const facts = factsOf(chat('a'), mappingWith({ user: names, tags: { a: names } }))
    expect(facts.userId ?? facts.tags).toBeUndefined()
  })
})

it('huge texts are cut to what an index can hold, between two characters', () => {
  const facts = factsOf(
    chat('a', { name: 'ä'.repeat(1_000_000), error: 'x'.repeat(1_000_000) }, null, {
      'user.id': `x${'😀'.repeat(1_000_000)}`,
      'gen_ai.response.id': 'y'.repeat(20_000_000),
      'genkit:output': `{"usage":${'['.repeat(1_000_000)}`,
      'input.value': 'z'.repeat(20_000_000),
    }),
    mapping,
  )
  expectSound(facts)
  expect(facts.name).toBe('ä'.repeat(LONGEST_NAME / 2))
  expect(facts.userId).toMatch(/^x😀+$/u)
  expect(facts.content).toMatchObject({ parameters: 'z'.repeat(100) })
  expect(JSON.stringify(facts).length).toBeLessThan(10_000)
})

describe('wrong parents', () => {
  it('a span that is its own parent has an unknown parent', () => {
    expect(traced([chat('a', { parent: 'a' })])).toMatchObject({ root: 'missing', steps: [{}] })
  })

  it('a circle has no root, and each call in it counts', () => {
    const spans = [
      chat('a', { parent: 'd', from: 0 }),
      tool('b', { parent: 'a', from: 20 }),
      chat('c', { parent: 'b', from: 40 }),
      agent('d', { parent: 'c', from: 60 }),
      chat('e', { parent: 'c', from: 80 }, [7, 7]),
    ]
    const run = traced(spans)
    expect(run.root).toBe('missing')
    expect(namesOf(run.steps)).toEqual(['a', 'b', 'c+e'])
    const circles = spans.map((one) => ({ ...one, parentSpanId: one.spanId }))
    expect(traced(circles).steps).toHaveLength(4)
  })
})

describe('a trace of 100,000 spans', { tags: 'slow' }, () => {
  const COUNT = 100_000
  const idAt = (n: number) => n.toString(16).padStart(16, '0')
  const chain = (factory: (n: number) => Span): Facts[] => {
    const kinds = [0, 1].map((n) => factsOf(factory(n), mapping))
    return Array.from({ length: COUNT }, (_, n) => {
      const { startTime, endTime } = factory(n)
      return {
        ...(kinds[n % 2] as Facts),
        ...(n === 0 ? {} : { parentSpanId: idAt(n - 1) }),
        spanId: idAt(n),
        start: startTime,
        end: endTime,
      }
    })
  }
  const times = (n: number) => ({ from: n / 1000, to: 900_000 - n / 1000 })

  // Quadratic work on these takes minutes, and a recursion has no stack for them.
  it.each<[string, (n: number) => Span, number]>([
    ['model calls, one in the other', (n) => chat('x', times(n)), 1],
    ['of two scopes', (n) => chat('x', { ...times(n), scope: `s${n % 2}` }), 1],
    ['tools and models', (n) => (n % 2 ? tool('x', times(n)) : chat('x', times(n))), COUNT],
    ['agents', (n) => agent('x', times(n), { 'gen_ai.usage.input_tokens': 1 }), COUNT - 1],
    ['HTTP', (n) => (n === 0 ? chat('x', times(n)) : span('x', times(n))), 1],
  ])('in a chain: %s', (_, factory, steps) => {
    expect(runOf(chain(factory))?.steps).toHaveLength(steps)
  })

  it('in a chain: calls with one short id and different totals', () => {
    const call = (n: number) => chat('x', times(n), [1, 1], { 'gen_ai.response.id': 'same' })
    const facts = chain((n) => (n % 2 ? tool('x', times(n)) : call(n))).map((one, n) =>
      one.usage ? { ...one, usage: { ...one.usage, input: n } } : one,
    )
    expect(runOf(facts)?.steps).toHaveLength(COUNT)
  })

  it('next to each other, of two scopes, all at the same time', () => {
    const facts = chain((n) => chat('x', { from: 0, to: 50, scope: `s${n % 2}`, parent: 'r' })).map(
      (one) => ({ ...one, parentSpanId: idOf('r') }),
    )
    expect(runOf(facts)?.steps).toHaveLength(COUNT / 2)
  })

  it('as attempts that all fail, in one call', () => {
    const facts = chain((n) => chat('x', { from: n, to: n + 0.5, error: '429' }, null))
    const attempts = facts.map((one, n) =>
      n === 0 ? { ...one, end: at(900_000) } : { ...one, parentSpanId: idAt(0) },
    )
    expect(runOf(attempts)?.steps.at(-1)).toMatchObject({ attempt: COUNT - 2 })
  })
})

it('spans at the ends of time have a run', () => {
  const early = {
    ...chat('a'),
    startTime: '1970-01-01T00:00:00.000000Z',
    endTime: '2200-12-31T23:59:59.999999Z',
  }
  expect(factsOfSpans([early])[0]?.end).toBe(early.endTime)
  expect(traced([early, { ...chat('b'), endTime: at(-5) }]).steps).toHaveLength(2)
})
