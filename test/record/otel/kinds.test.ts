import { expect, it } from 'vitest'
import { kindOf } from '../../../src/record/otel/kinds.ts'
import type { Attributes } from '../../../src/record/otel/types.ts'

const kind = (attributes: Attributes) => kindOf({ attributes })

it.each<[Attributes, string]>([
  [{ 'gen_ai.operation.name': 'chat' }, 'model'],
  [{ 'gen_ai.operation.name': 'text_completion' }, 'model'],
  [{ 'gen_ai.operation.name': 'generate_content' }, 'model'],
  [{ 'gen_ai.operation.name': 'embeddings' }, 'model'],
  [{ 'gen_ai.operation.name': 'execute_tool' }, 'tool'],
  [{ 'gen_ai.operation.name': 'invoke_agent' }, 'agent'],
  [{ 'gen_ai.operation.name': 'create_agent' }, 'container'],
  [{ 'gen_ai.operation.name': 'one_of_next_year' }, 'container'],
  [{ 'gen_ai.operation.name': 'constructor' }, 'container'],
  [{ 'openinference.span.kind': 'LLM' }, 'model'],
  [{ 'openinference.span.kind': 'EMBEDDING' }, 'model'],
  [{ 'openinference.span.kind': 'TOOL' }, 'tool'],
  [{ 'openinference.span.kind': 'AGENT' }, 'agent'],
  [{ 'openinference.span.kind': 'CHAIN' }, 'container'],
  [{ 'ai.operationId': 'ai.generateText.doGenerate' }, 'model'],
  [{ 'ai.operationId': 'ai.streamText.doStream' }, 'model'],
  [{ 'ai.operationId': 'ai.embedMany.doEmbed' }, 'model'],
  [{ 'ai.operationId': 'ai.toolCall' }, 'tool'],
  [{ 'ai.operationId': 'ai.generateText' }, 'container'],
  [{ 'traceloop.span.kind': 'tool' }, 'tool'],
  [{ 'traceloop.span.kind': 'agent' }, 'agent'],
  [{ 'traceloop.span.kind': 'workflow' }, 'container'],
  [{ 'genkit:metadata:subtype': 'model' }, 'model'],
  [{ 'genkit:metadata:subtype': 'embedder' }, 'model'],
  [{ 'genkit:metadata:subtype': 'tool' }, 'tool'],
  [{ 'genkit:metadata:subtype': 'flow' }, 'container'],
  [{ 'genkit:type': 'util' }, 'container'],
  [{ 'langfuse.observation.type': 'generation' }, 'model'],
  [{ 'langfuse.observation.type': 'embedding' }, 'model'],
  [{ 'langfuse.observation.type': 'tool' }, 'tool'],
  [{ 'langfuse.observation.type': 'span' }, 'container'],
  [{ 'llm.request.type': 'chat' }, 'model'],
  [{ 'http.request.method': 'GET' }, 'other'],
  [{}, 'other'],
])('%j is of kind %s', (attributes, expected) => {
  expect(kind(attributes)).toBe(expected)
})

it('usage and a tool name do not make a call', () => {
  const usage = { 'gen_ai.usage.input_tokens': 5, 'gen_ai.request.model': 'gpt-5' }
  expect(kind({ ...usage, 'gen_ai.tool.name': 'weather', 'gen_ai.system': 'acme' })).toBe('other')
  expect(kind({ ...usage, 'gen_ai.operation.name': 'plan', 'gen_ai.system': 'acme' })).toBe(
    'container',
  )
})

it('a model call that names the tool it asked for is a model call', () => {
  expect(kind({ 'gen_ai.tool.name': 'weather', 'gen_ai.operation.name': 'chat' })).toBe('model')
})

it('the first vocabulary wins, in any order of the attributes', () => {
  const attributes = { 'traceloop.span.kind': 'tool', 'openinference.span.kind': 'LLM' }
  expect(kind(attributes)).toBe('model')
  expect(kind({ ...attributes, 'gen_ai.operation.name': 'invoke_agent' })).toBe('agent')
  expect(kind({ 'langfuse.observation.type': 'generation', 'genkit:type': 'util' })).toBe(
    'container',
  )
})

it('a kind that is not a text is not there', () => {
  expect(kind({ 'gen_ai.operation.name': ['chat'], 'openinference.span.kind': 'TOOL' })).toBe(
    'tool',
  )
  expect(kind({ 'gen_ai.operation.name': { chat: 1 } })).toBe('other')
})
