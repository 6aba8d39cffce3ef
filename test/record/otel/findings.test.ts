import { describe, expect, it } from 'vitest'
import { runOf } from '../../../src/record/otel/run.ts'
import type { Attributes, Span } from '../../../src/record/otel/types.ts'
import { agent, chat, factsOfSpans, idOf, span, tool, traced } from './spans.ts'

const findings = (spans: readonly Span[], lost?: ReadonlySet<string>) =>
  runOf(factsOfSpans(spans), lost)?.findings

const reports = (input: number, output: number): Attributes => ({
  'gen_ai.usage.input_tokens': input,
  'gen_ai.usage.output_tokens': output,
})

describe('calls_lost', () => {
  it('is a container that reports more tokens than the calls below it', () => {
    const spans = [
      agent('root', { to: 90, name: 'invoke_agent writer' }, reports(300, 60)),
      span('turn', { parent: 'root' }, { 'gen_ai.operation.name': 'turn', ...reports(100, 20) }),
      chat('a', { parent: 'turn' }),
      chat('b', { parent: 'root', from: 20 }),
    ]
    expect(findings(spans)).toEqual([
      {
        code: 'calls_lost',
        spanId: idOf('root'),
        detail: 'invoke_agent writer reports 360 tokens, its calls 240',
      },
    ])
  })

  it('is an agent without any call', () => {
    expect(findings([agent('root', {}, reports(1, 1))])).toMatchObject([{ code: 'calls_lost' }])
  })

  it('is not a container that reports less, because some repeat the last call only', () => {
    const spans = [
      agent('root', { to: 90 }, reports(100, 20)),
      chat('a', { parent: 'root' }),
      chat('b', { parent: 'root', from: 20 }),
    ]
    expect(findings(spans)).toEqual([])
  })

  it('counts calls of agents below tools, and calls that count in another trace', () => {
    const spans = [
      agent('root', { to: 90 }, reports(200, 40)),
      chat('a', { parent: 'root' }),
      tool('research', { parent: 'root', from: 20, to: 80 }),
      chat('b', { parent: 'research', from: 21 }),
    ]
    expect(findings(spans)).toEqual([])
    expect(findings(spans, new Set([idOf('b')]))).toMatchObject([{ code: 'counted_elsewhere' }])
  })

  it('counts a call with spans below two containers once above both, and in each of them', () => {
    const steps = (input: number) => [
      agent('root', { to: 90 }, reports(input, 20)),
      ...['one', 'two'].flatMap((name) => [
        span(
          name,
          { parent: 'root', to: 80 },
          { 'gen_ai.operation.name': 'step', ...reports(100, 20) },
        ),
        chat(`call ${name}`, { parent: name, to: 70, scope: name }, [100, 20]),
      ]),
    ]
    expect(traced(steps(100)).steps).toHaveLength(1)
    expect(findings(steps(100))).toEqual([])
    expect(findings(steps(101))).toMatchObject([{ code: 'calls_lost', spanId: idOf('root') }])
  })
})

it('no_usage is a successful call of a model without tokens', () => {
  const spans = [
    agent('root', { to: 90 }),
    chat('a', { parent: 'root' }, null),
    chat('b', { parent: 'root', from: 20, error: 'refused' }, null),
    chat('c', { parent: 'root', from: 40 }, [0, 0]),
    tool('d', { parent: 'root', from: 60 }),
  ]
  expect(findings(spans)).toEqual([{ code: 'no_usage', spanId: idOf('a') }])
})

it('no_root is a trace whose root has not arrived', () => {
  expect(findings([tool('a', { parent: 'gone' })])).toEqual([{ code: 'no_root' }])
  expect(findings([tool('a')])).toEqual([])
})

describe('sampled', () => {
  const isSampled = (given: Partial<Span>) =>
    findings([{ ...tool('a'), ...given }])?.some(({ code }) => code === 'sampled')

  it.each<[string, boolean]>([
    ['ot=th:c', true],
    ['ot=th:c8;rv:abc', true],
    ['ot=rv:8f2c;th:0a', true],
    ['rojo=00f0, ot=th:8', true],
    ['ot=p:2;r:7', true],
    ['ot=th:0', false],
    ['ot=th:000', false],
    ['ot=p:0', false],
    ['ot=rv:cccc', false],
    ['dot=th:c', false],
    ['rojo=th:c', false],
    ['', false],
  ])('by the trace state "%s": %s', (traceState, expected) => {
    expect(isSampled({ traceState })).toBe(expected)
  })

  it.each<[Attributes, boolean]>([
    [{ 'sampling.probability': 0.1 }, true],
    [{ 'sampling.probability': '0.1' }, true],
    [{ 'sampling.probability': 1 }, false],
    [{ 'sampling.probability': 'all' }, false],
    [{ 'sampling.ratio': 0.5 }, true],
    [{ 'sampler.type': 'probabilistic', 'sampler.param': 0.01 }, true],
    [{ 'sampler.type': 'const', 'sampler.param': 0 }, false],
    [{ SampleRate: 10 }, true],
    [{ SampleRate: 1 }, false],
  ])('by the attributes %j: %s', (attributes, expected) => {
    expect(isSampled({ attributes: { ...tool('a').attributes, ...attributes } })).toBe(expected)
    if (attributes['sampler.type'] === undefined)
      expect(isSampled({ resource: attributes })).toBe(expected)
  })
})

it('counted_elsewhere names the response, for all spans of the call', () => {
  const spans = [
    chat('outer', { to: 50 }, null),
    chat('inner', { parent: 'outer' }, null, { 'gen_ai.response.id': 'msg_1' }),
  ]
  for (const lost of ['outer', 'inner'])
    expect(findings(spans, new Set([idOf(lost)]))).toEqual([
      { code: 'counted_elsewhere', spanId: idOf('inner'), detail: 'response msg_1' },
    ])
})

it('at most 100 findings of a code are named, and the rest counted', () => {
  const calls = Array.from({ length: 150 }, (_, n) =>
    chat(`c${n}`, { parent: 'root', from: n }, null),
  )
  const found = findings([agent('root', { to: 500 }), ...calls]) ?? []
  expect(found).toHaveLength(101)
  expect(found.at(-1)).toEqual({ code: 'no_usage', detail: '50 more' })
})
