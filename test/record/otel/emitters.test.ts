// Emitters of which there is no capture, as their source and documentation describe them.
import { expect, it } from 'vitest'
import { span, traced, usage } from './spans.ts'

it('Google ADK with Gemini, which counts thoughts apart', () => {
  const run = traced([
    span('invocation', { to: 90 }),
    span(
      'agent',
      { parent: 'invocation', to: 80 },
      {
        'gen_ai.operation.name': 'invoke_agent',
        'gen_ai.agent.name': 'clock',
        'gen_ai.conversation.id': 'sess-1',
      },
    ),
    span('call_llm', { parent: 'agent', to: 70 }, { 'gen_ai.system': 'gcp.vertex.agent' }),
    span(
      'generate',
      { parent: 'call_llm', from: 1, to: 60 },
      {
        'gen_ai.operation.name': 'generate_content',
        'gen_ai.provider.name': 'gcp.gemini',
        'gen_ai.request.model': 'gemini-2.5-flash',
        'gen_ai.usage.input_tokens': 106,
        'gen_ai.usage.output_tokens': 6,
        'gen_ai.usage.experimental.reasoning_tokens': 46,
      },
    ),
  ])
  expect(run).toMatchObject({ sessionId: 'sess-1', modelId: 'gemini-2.5-flash', findings: [] })
  expect(run.steps).toMatchObject([
    {
      kind: 'model',
      provider: 'gcp.gemini',
      agentName: 'clock',
      usage: usage({ input: 106, output: 6, reasoning: 46 }),
    },
  ])
})

it('Bedrock, with the names of the year before', () => {
  const [step] = traced([
    span(
      'chat anthropic.claude-sonnet-4-5',
      {},
      {
        'gen_ai.operation.name': 'chat',
        'gen_ai.system': 'aws.bedrock',
        'gen_ai.request.model': 'us.anthropic.claude-sonnet-4-5-20250929-v1:0',
        'gen_ai.usage.input_tokens': 10,
        'gen_ai.usage.output_tokens': 5,
        'gen_ai.usage.cache_read_input_tokens': 4000,
        'gen_ai.usage.cache_write_input_tokens': 7,
      },
    ),
  ]).steps
  expect(step).toMatchObject({
    provider: 'aws.bedrock',
    modelId: 'us.anthropic.claude-sonnet-4-5-20250929-v1:0',
    usage: { input: 10, output: 5, cacheRead: 4000, cacheWrite: 7 },
  })
})

it('OpenLLMetry before it wrote gen_ai.operation.name', () => {
  const run = traced([
    span(
      'openai.chat',
      { parent: 'root', from: 1 },
      {
        'llm.request.type': 'chat',
        'gen_ai.system': 'OpenAI',
        'gen_ai.request.model': 'gpt-4o',
        'gen_ai.response.model': 'gpt-4o-2024-08-06',
        'gen_ai.usage.prompt_tokens': 100,
        'gen_ai.usage.completion_tokens': 20,
        'llm.usage.total_tokens': 120,
      },
    ),
    span(
      'weather.tool',
      { parent: 'root', from: 20 },
      {
        'traceloop.span.kind': 'tool',
        'traceloop.entity.name': 'weather',
      },
    ),
    span(
      'root',
      { to: 90, flags: null, name: 'joke.workflow' },
      {
        'traceloop.span.kind': 'workflow',
        'traceloop.entity.name': 'joke',
      },
    ),
  ])
  expect(run.workflowName).toBe('joke')
  expect(run.steps).toMatchObject([
    { kind: 'model', provider: 'OpenAI', modelId: 'gpt-4o-2024-08-06', usage: { input: 100 } },
    { kind: 'tool', name: 'weather', toolName: 'weather' },
  ])
})

it('an unknown operation of an unknown emitter owns no tokens, and the check finds them', () => {
  const run = traced([
    span('root', { to: 90 }, { 'gen_ai.operation.name': 'invoke_agent' }),
    span(
      'think',
      { parent: 'root' },
      {
        'gen_ai.operation.name': 'think',
        'gen_ai.provider.name': 'acme',
        'gen_ai.request.model': 'gpt-5',
        'gen_ai.usage.input_tokens': 10,
      },
    ),
    span('call_llm', { parent: 'root', from: 20 }, { 'gen_ai.usage.input_tokens': 10 }),
  ])
  expect(run.steps).toEqual([])
  expect(run.findings).toMatchObject([{ code: 'calls_lost' }, { code: 'calls_lost' }])
})
