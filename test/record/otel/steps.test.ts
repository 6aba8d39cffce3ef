import { describe, expect, it } from 'vitest'
import type { Span } from '../../../src/record/otel/types.ts'
import { agent, chat, span, stepsOf, tool, traced } from './spans.ts'

describe('attempts', () => {
  const call = (id: string, from: number, given: object = {}, attributes = {}) =>
    chat(id, { parent: 'root', from, to: from + 5, ...given }, [1, 1], attributes)
  const attempts = (...calls: Span[]) =>
    stepsOf([agent('root', { to: 500 }), ...calls]).map(({ attempt }) => attempt)
  const failed = { error: '429' }

  it('are counted for calls that follow failures of the same call', () => {
    expect(attempts(call('a', 0, failed), call('b', 10, failed), call('c', 20))).toEqual([0, 1, 2])
  })

  it('begin again after a success', () => {
    expect(attempts(call('a', 0, failed), call('b', 10), call('c', 20))).toEqual([0, 1, 0])
  })

  it('are of one parent, model and operation, one after the other', () => {
    const other = { 'gen_ai.request.model': 'gpt-4o' }
    expect(attempts(call('a', 0, failed), call('b', 10, {}, other))).toEqual([0, 0])
    expect(attempts(call('a', 0, failed), call('b', 10, { name: 'embeddings' }))).toEqual([0, 0])
    expect(attempts(call('a', 0, failed), call('b', 10, { parent: 'x' }))).toEqual([0, 0])
    expect(attempts(call('a', 0, { ...failed, to: 40 }), call('b', 10))).toEqual([0, 0])
    expect(attempts(call('a', 0, { ...failed, to: 10.9 }), call('b', 10))).toEqual([0, 1])
  })

  it('include the requests that a client has sent again', () => {
    const resent = { 'http.request.resend_count': 2 }
    expect(attempts(call('a', 0, failed), call('b', 10, {}, resent))).toEqual([0, 3])
  })
})

describe('agents', () => {
  it('that a tool calls have no step, because the tool is their step', () => {
    const spans = [
      agent('writer', { to: 90 }),
      tool('research', { parent: 'writer', to: 80 }),
      span('turn', { parent: 'research' }, { 'gen_ai.operation.name': 'turn' }),
      agent('researcher', { parent: 'turn', to: 70 }),
      chat('call', { parent: 'researcher', to: 60 }),
    ]
    const steps = stepsOf(spans)
    expect(steps.map(({ kind, agentName }) => [kind, agentName])).toEqual([
      ['model', 'researcher'],
      ['tool', 'writer'],
    ])
  })

  it('that an agent calls are steps without tokens', () => {
    const spans = [
      agent('writer', { to: 90 }),
      span('turn', { parent: 'writer' }, { 'gen_ai.operation.name': 'turn' }),
      agent('researcher', { parent: 'turn', from: 1, to: 70 }, { 'gen_ai.usage.input_tokens': 9 }),
      chat('call', { parent: 'researcher', from: 2, to: 60 }),
    ]
    expect(stepsOf(spans)).toMatchObject([
      { kind: 'agent', name: 'researcher', usage: null, modelId: null },
      { kind: 'model', agentName: 'researcher' },
    ])
  })

  it('under one span of the application are one run with several models', () => {
    const run = traced([
      span('root', { to: 90 }),
      agent('router', { parent: 'root', from: 1 }),
      chat('a', { parent: 'router', from: 2 }, null, { 'gen_ai.request.model': 'gpt-4o' }),
      agent('writer', { parent: 'root', from: 20 }),
      chat('b', { parent: 'writer', from: 21 }),
    ])
    expect(run.steps.map(({ modelId }) => modelId)).toEqual(['gpt-4o', 'gpt-5'])
    expect(run.modelId).toBe('gpt-4o')
  })

  it('that two instrumentations see are one', () => {
    const spans = [
      agent('writer', { to: 90 }),
      agent('w', { parent: 'writer', scope: 'b' }, { 'gen_ai.agent.name': 'writer' }),
    ]
    expect(stepsOf(spans)).toEqual([])
  })
})
