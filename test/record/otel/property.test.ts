import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { runOf } from '../../../src/record/otel/run.ts'
import type { Facts, Span } from '../../../src/record/otel/types.ts'
import { CAPTURES, factsByTrace, spansOfCapture } from './captures.ts'
import { agent, chat, factsOfSpans, idOf, span, TRACE, tool } from './spans.ts'

/** Some of the facts, each once or more, in any order. */
const shuffled = (facts: readonly Facts[]) =>
  fc
    .tuple(
      fc.shuffledSubarray([...facts], { minLength: facts.length }),
      fc.array(fc.constantFrom(...facts), { maxLength: 5 }),
    )
    .chain(([all, again]) =>
      fc.shuffledSubarray([...all, ...again], { minLength: all.length + again.length }),
    )

describe.each(CAPTURES)('%s', async (capture) => {
  const traces = [...factsByTrace(await spansOfCapture(capture)).values()]

  it('is the same run in any order, with any repetition', () => {
    for (const facts of traces) {
      const expected = runOf(facts)
      fc.assert(
        fc.property(shuffled(facts), (some) => {
          expect(runOf(some)).toEqual(expected)
        }),
        { numRuns: 10 },
      )
    }
  })

  it('is a run or none after each span that arrives', () => {
    for (const facts of traces)
      for (let count = 0; count <= facts.length; count++) runOf(facts.slice(0, count))
  })

  it('survives the way through JSON', () => {
    for (const facts of traces)
      expect(runOf(JSON.parse(JSON.stringify(facts)) as Facts[])).toEqual(runOf(facts))
  })
})

const NAMES = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h']
const name = fc.constantFrom(...NAMES)

/** Spans of all kinds with any parents, also circles, few times, scopes and ids, so that many look like one call. */
const anySpan: fc.Arbitrary<Span> = fc
  .record({
    id: name,
    parent: fc.option(name, { nil: undefined }),
    from: fc.integer({ min: 0, max: 6 }),
    length: fc.integer({ min: 0, max: 6 }),
    scope: fc.constantFrom('x', 'y', 'z'),
    kind: fc.constantFrom('chat', 'chat', 'chat', 'tool', 'agent', 'step', 'other'),
    tokens: fc.option(fc.constantFrom<[number, number]>([5, 5], [5, 6])),
    responseId: fc.option(fc.constantFrom('short', 'a-long-id-that-is-unique')),
    error: fc.constantFrom(undefined, 'failed'),
    flags: fc.constantFrom(null, 0x101, 0x301),
  })
  .map(({ id, parent, from, length, scope, kind, tokens, responseId, error, flags }) => {
    const given = {
      ...(parent === undefined ? {} : { parent }),
      from,
      to: from + length,
      scope,
      flags,
      ...(error ? { error } : {}),
    }
    const more = responseId === null ? {} : { 'gen_ai.response.id': responseId }
    if (kind === 'chat') return chat(id, given, tokens, more)
    if (kind === 'tool') return tool(id, given, { 'gen_ai.tool.name': 't' })
    if (kind === 'agent') return agent(id, given, { 'gen_ai.agent.name': 'w' })
    return span(id, given, kind === 'step' ? { 'gen_ai.operation.name': 'step' } : {})
  })

describe('spans of any shape', () => {
  it('are the same run in any order, with any repetition', () => {
    const input = fc
      .array(anySpan, { minLength: 1, maxLength: 12 })
      .map((spans) => factsOfSpans(spans))
      .chain((facts) => fc.tuple(fc.constant(facts), shuffled(facts)))
    fc.assert(
      fc.property(input, ([facts, some]) => {
        expect(runOf(some)).toEqual(runOf(facts))
      }),
      { numRuns: 500 },
    )
  })

  it('have each model and tool span in one step, and never more tokens than the spans report', () => {
    const input = fc.uniqueArray(anySpan, { selector: ({ spanId }) => spanId, maxLength: 8 })
    fc.assert(
      fc.property(input, (spans) => {
        const facts = factsOfSpans(spans)
        const steps = runOf(facts)?.steps ?? []
        const calls = facts.filter(({ kind }) => kind === 'model' || kind === 'tool')
        const found = steps.filter(({ kind }) => kind !== 'agent').flatMap(({ spanIds }) => spanIds)
        expect([...found].sort()).toEqual(calls.map(({ spanId }) => spanId).sort())
        for (const { spanId, spanIds } of steps) expect(spanIds).toContain(spanId)
        const reported = calls.filter(({ usage }) => usage !== undefined)
        const counted = steps.filter(({ usage }) => usage !== null)
        expect(counted.length).toBeLessThanOrEqual(reported.length)
        if (reported.length > 0) expect(counted.length).toBeGreaterThan(0)
      }),
      { numRuns: 500 },
    )
  })
})

it('of two different spans with one id the one that ended last counts, in any order', () => {
  const early = chat('a', { to: 5 }, [1, 1], { 'gen_ai.agent.name': 'writer' })
  const late = chat('a', { to: 6 }, [2, 2])
  const tie = chat('a', { to: 6 }, [3, 3])
  const facts = factsOfSpans([early, late, tie])
  const [expected] = runOf(facts)?.steps ?? []
  expect(expected).toMatchObject({ spanId: idOf('a'), usage: { input: 3 } })
  expect(runOf([...facts].reverse())?.steps).toEqual([expected])
  expect(late.traceId).toBe(TRACE)
})
