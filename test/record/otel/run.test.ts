import { describe, expect, it } from 'vitest'
import { runOf } from '../../../src/record/otel/run.ts'
import {
  agent,
  at,
  chat,
  factsOfSpans,
  idOf,
  mappingWith,
  namesOf,
  span,
  TRACE,
  tool,
  traced,
} from './spans.ts'

describe('a run', () => {
  it('is a trace with a call of a model or a tool, or with an agent', () => {
    for (const spans of [[chat('a')], [tool('a')], [agent('a')]])
      expect(runOf(factsOfSpans(spans))).toMatchObject({ root: 'ended', status: 'success' })
  })

  it('is not a trace of chains and HTTP requests', () => {
    const chain = span('a', {}, { 'openinference.span.kind': 'CHAIN' })
    expect(runOf(factsOfSpans([chain, span('b', { parent: 'a' })]))).toBeUndefined()
    expect(runOf([])).toBeUndefined()
  })
})

describe('the root', () => {
  const child = chat('call', { parent: 'root', from: 5, to: 30 })

  it('is the span without a parent: it has the name, the times and the status', () => {
    const root = span('root', { from: 1, to: 20, name: 'answer' })
    expect(traced([child, root])).toMatchObject({
      root: 'ended',
      workflowName: 'answer',
      status: 'success',
      start: at(1),
      end: at(20),
      findings: [],
    })
  })

  it('is a span whose unknown parent is in another process', () => {
    const remote = { parent: 'gone', flags: 0x301, from: 1, to: 20 }
    expect(traced([child, span('root', remote)])).toMatchObject({
      root: 'ended',
      workflowName: 'root',
    })
    expect(traced([child, span('root', { ...remote, flags: 0x101 })]).root).toBe('missing')
    expect(traced([child, span('root', { ...remote, flags: 0x201 })]).root).toBe('missing')
    expect(traced([child, span('root', { ...remote, flags: null })]).root).toBe('missing')
  })

  it('is not a span whose parent is in another process and has arrived, too', () => {
    const run = traced([
      span('root', { from: 0, to: 90 }),
      agent('remote', { parent: 'root', flags: 0x301, from: 10, to: 50 }),
    ])
    expect(run).toMatchObject({ root: 'ended', workflowName: 'root', end: at(90) })
  })

  it('is the first of several processes, one below the other', () => {
    const run = traced([
      agent('first', { parent: 'gone', flags: 0x301, from: 0, to: 50 }),
      agent('second', { parent: 'first', flags: 0x301, from: 10, to: 90, error: 'late' }),
    ])
    expect(run).toMatchObject({ workflowName: 'first', end: at(50), status: 'success' })
  })

  it('is not there while a parent has not arrived', () => {
    const run = traced([child, tool('weather', { parent: 'call2', from: 40, to: 60 })])
    expect(run).toMatchObject({
      root: 'missing',
      workflowName: 'demo',
      status: 'success',
      start: at(5),
      end: at(60),
      findings: [{ code: 'no_root' }],
    })
  })

  it('has the first start and the last end of several, and has failed if one of them has', () => {
    const roots = [
      span('one', { from: 0, to: 50, parent: 'x', flags: 0x301, name: 'first' }),
      span('two', { from: 60, to: 90, parent: 'y', flags: 0x301, error: 'timeout' }),
      chat('call', { parent: 'one' }),
    ]
    expect(traced(roots)).toMatchObject({
      workflowName: 'first',
      start: at(0),
      end: at(90),
      status: 'failed',
      errorMessage: 'timeout',
    })
  })

  it('that links to another trace makes its run a child', () => {
    const links = [
      { traceId: TRACE, spanId: idOf('x') },
      { traceId: 'b'.repeat(32), spanId: idOf('y') },
    ]
    expect(traced([child, span('root', { links })]).parentTraceId).toBe('b'.repeat(32))
    expect(traced([{ ...child, links }, span('root')]).parentTraceId).toBeNull()
  })
})

describe('the name of a run', () => {
  const NAMES = [
    'gen_ai.workflow.name',
    'traceloop.workflow.name',
    'gen_ai.agent.name',
    'ai.telemetry.functionId',
    'agent.name',
    'genkit:name',
    'traceloop.entity.name',
  ]

  it.each(NAMES)('is %s of the root before later names and the name of the span', (name) => {
    const later = NAMES.slice(NAMES.indexOf(name))
    const root = span('root', {}, Object.fromEntries(later.map((one) => [one, `by ${one}`])))
    expect(traced([root, tool('a', { parent: 'root' })]).workflowName).toBe(`by ${name}`)
  })

  it('is the name of the root span if it has no other, not that of a span below it', () => {
    const below = agent('writer', { parent: 'root' }, { 'gen_ai.workflow.name': 'part' })
    expect(traced([span('root', { name: 'POST /chat' }), below]).workflowName).toBe('POST /chat')
  })

  it('is a workflow name of any span if there is no root, but no name of an agent', () => {
    const call = chat('call', { parent: 'gone' }, null, { 'gen_ai.agent.name': 'writer' })
    const named = tool('b', { parent: 'gone', from: 1 }, { 'traceloop.workflow.name': 'report' })
    expect(traced([call, named]).workflowName).toBe('report')
    expect(traced([call]).workflowName).toBe('demo')
    const resource = { 'service.name': 'unknown_service:node' }
    expect(traced([{ ...call, resource }]).workflowName).toBeNull()
  })

  it('is from the attributes of the mapping', () => {
    const mapping = mappingWith({ workflow: ['app.flow'] })
    const call = chat('call', { parent: 'root' }, null, { 'app.flow': 'of the call' })
    expect(traced([call, agent('root', { name: 'own' })], mapping).workflowName).toBe('own')
    expect(traced([call], mapping).workflowName).toBe('of the call')
  })
})

it('calls that count in another trace are no steps', () => {
  const spans = factsOfSpans([
    agent('root', { to: 90 }),
    chat('a', { parent: 'root' }),
    tool('b', { parent: 'root', from: 20 }),
  ])
  const run = runOf(spans, new Set([idOf('a')]))
  expect(namesOf(run?.steps ?? [])).toEqual(['b'])
  expect(run?.modelId).toBe('gpt-5')
})
