import { describe, expect, it } from 'vitest'
import { factsOf } from '../../../src/record/otel/facts.ts'
import { DEFAULT_MAPPING } from '../../../src/record/otel/mapping.ts'
import type { Span } from '../../../src/record/otel/types.ts'
import { chat, mappingWith, span, stepsOf, traced } from './spans.ts'

describe('user, session, mode and tags', () => {
  const run = (root: object, call: object, mapping = DEFAULT_MAPPING) =>
    traced(
      [span('root', {}, { ...root }), chat('call', { parent: 'root' }, null, { ...call })],
      mapping,
    )

  it.each([
    ['user.id', 'session.id'],
    ['traceloop.association.properties.user_id', 'traceloop.association.properties.session_id'],
    ['ai.telemetry.metadata.userId', 'ai.telemetry.metadata.sessionId'],
    ['mastra.metadata.userId', 'mastra.metadata.sessionId'],
    ['langfuse.user.id', 'langfuse.session.id'],
    ['enduser.id', 'gen_ai.conversation.id'],
  ])('are in %s and %s', (user, session) => {
    expect(run({}, { [user]: 'ann', [session]: 's' })).toMatchObject({
      userId: 'ann',
      sessionId: 's',
    })
  })

  it('are in the JSON of metadata', () => {
    const metadata = JSON.stringify({ user_id: 7, session_id: 's' })
    expect(run({ metadata }, {})).toMatchObject({ userId: '7', sessionId: 's' })
    expect(run({ metadata: { user_id: 'ann' } }, {}).userId).toBe('ann')
    expect(run({ metadata: '{"user_id":["ann"]}' }, {}).userId).toBeNull()
    expect(run({ metadata: '{not JSON' }, {}).userId).toBeNull()
  })

  it('are those of the root first, then of any span', () => {
    expect(run({ 'mastra.metadata.userId': 'root' }, { 'user.id': 'call' }).userId).toBe('root')
    expect(run({}, { 'user.id': 'call' }).userId).toBe('call')
    expect(run({}, {})).toMatchObject({ userId: null, sessionId: null, tags: {} })
  })

  it('are from the attributes of the mapping, also of the resource', () => {
    const mapping = mappingWith({
      user: ['app.user'],
      mode: ['deployment.environment.name'],
      tags: { team: ['app.team', 'team'], region: ['cloud.region'] },
    })
    const found = traced(
      [
        {
          ...chat('a', {}, null, { 'app.user': 'ann', team: 'red' }),
          resource: { 'deployment.environment.name': 'staging', 'cloud.region': 'eu' },
        },
      ],
      mapping,
    )
    expect(found).toMatchObject({
      userId: 'ann',
      mode: 'staging',
      tags: { team: 'red', region: 'eu' },
    })
  })

  it('the mode is the service if it has a name', () => {
    expect(run({}, {}).mode).toBe('demo')
    expect(run({ 'wfstore.mode': 'batch' }, {}).mode).toBe('batch')
    const resource = { 'service.name': 'unknown_service:node' }
    expect(traced([{ ...chat('a'), resource }]).mode).toBeNull()
  })
})

describe('models and providers', () => {
  const provider = (attributes: object) =>
    factsOf(chat('a', {}, null, { ...attributes }), DEFAULT_MAPPING).provider

  it('a provider has its old or its new name', () => {
    expect(provider({ 'gen_ai.system': 'openai' })).toBe('openai')
    expect(provider({ 'gen_ai.system': 'a', 'gen_ai.provider.name': 'b' })).toBe('b')
    expect(provider({ 'gen_ai.provider.name': 'aws.bedrock' })).toBe('aws.bedrock')
    expect(provider({ 'gen_ai.provider.name': 'gcp.gemini' })).toBe('gcp.gemini')
    expect(provider({ 'llm.provider': 'azure', 'llm.system': 'openai' })).toBe('azure')
  })

  it('a provider is without the API that the AI SDK appends, and is no framework', () => {
    expect(provider({ 'ai.model.provider': 'openai.responses' })).toBe('openai')
    expect(provider({ 'gen_ai.system': 'anthropic.messages' })).toBe('anthropic')
    expect(provider({ 'gen_ai.system': 'google.generative-ai' })).toBe('google')
    expect(provider({ 'gen_ai.system': 'strands-agents' })).toBeUndefined()
    expect(provider({ 'gen_ai.system': 'strands-agents', 'llm.system': 'openai' })).toBe('openai')
  })

  it('the model of a step is the one that answered, or else the requested one', () => {
    const model = (attributes: object) =>
      stepsOf([span('a', {}, { 'openinference.span.kind': 'LLM', ...attributes })])[0]
    expect(
      model({
        'llm.model_name': 'gpt-5-2025-08-07',
        'llm.invocation_parameters': '{"model":"gpt-5"}',
      }),
    ).toMatchObject({
      requestModel: 'gpt-5',
      modelId: 'gpt-5-2025-08-07',
    })
    expect(model({ 'gen_ai.request.model': 'gpt-5' })?.modelId).toBe('gpt-5')
    expect(model({})?.modelId).toBeNull()
  })
})

describe('a given cost', () => {
  const cost = (
    value: string | number,
    tokens: [number, number] | null = [1, 1],
    name = 'gen_ai.usage.cost',
  ) => costOf(chat('a', {}, tokens, { [name]: value }))
  const costOf = (one: Span, trustCost = true) =>
    traced([one], mappingWith({ trustCost })).steps[0]?.cost

  it('counts only if it is trusted', () => {
    const call = chat('a', {}, [1, 1], { 'gen_ai.usage.cost': 0.25 })
    expect(costOf(call)).toBe('0.25')
    expect(costOf(call, false)).toBeNull()
    expect(cost(0.5, [1, 1], 'llm.cost.total')).toBe('0.5')
  })

  it('of 0 is no cost if the call has tokens, or none are known', () => {
    expect(cost(0)).toBeNull()
    expect(cost(0, null)).toBeNull()
    expect(cost('0.00')).toBeNull()
    expect(cost(0, [0, 0])).toBe('0')
  })

  it('is exact decimal text', () => {
    expect(cost(0.0000012)).toBe('0.0000012')
    expect(cost(1e-7)).toBe('0.0000001')
    expect(cost(1.5e-8)).toBe('0.000000015')
    expect(cost(12)).toBe('12')
    expect(cost(100)).toBe('100')
    expect(cost('0.10')).toBe('0.1')
    expect(cost('1.25e+2')).toBe('125')
    expect(cost('007.50')).toBe('7.5')
  })

  it('is not there if it is no amount', () => {
    for (const wrong of [-1, Number.NaN, Number.POSITIVE_INFINITY, '$1', '', '1,5', 'free', '1e99'])
      expect(cost(wrong)).toBeNull()
  })
})
