import { expect, it } from 'vitest'
import { factsOf } from '../../../src/record/otel/facts.ts'
import type { Attributes, Mapping, Span } from '../../../src/record/otel/types.ts'
import { CAPTURES, spansOfCapture } from './captures.ts'
import { agent, at, chat, mappingWith, tool, traced } from './spans.ts'

const kept = (one: Span, content: Partial<NonNullable<Mapping['content']>> = {}) =>
  factsOf(one, mappingWith({ content: { limit: 1000, drop: [], ...content } })).content

const event = (name: string, attributes: Attributes) => ({ name, time: at(0), attributes })

it('prompts and answers are left out by default', async () => {
  for (const capture of CAPTURES) {
    const facts = (await spansOfCapture(capture)).map((one) => factsOf(one, mappingWith({})))
    expect(JSON.stringify(facts)).not.toMatch(/Weather in|sunny|Find facts|Which way/)
  }
})

it.each([
  ['gen_ai.input.messages', 'gen_ai.output.messages'],
  ['gen_ai.tool.call.arguments', 'gen_ai.tool.call.result'],
  ['ai.prompt.messages', 'ai.response.text'],
  ['ai.toolCall.args', 'ai.toolCall.result'],
  ['input.value', 'output.value'],
  ['genkit:input', 'genkit:output'],
  ['langfuse.observation.input', 'langfuse.observation.output'],
  ['traceloop.entity.input', 'traceloop.entity.output'],
])('%s and %s are kept if they are wanted', (input, output) => {
  const attributes = { [input]: '[{"role":"user"}]', [output]: 'Sunny' }
  for (const call of [chat('a', {}, null, attributes), tool('a', {}, attributes)])
    expect(kept(call)).toEqual({ parameters: [{ role: 'user' }], result: 'Sunny' })
})

it('only calls have content: agents repeat it', () => {
  expect(kept(agent('a', {}, { 'input.value': 'x' }))).toBeUndefined()
})

it('an empty answer gives way to the next attribute', () => {
  const attributes = { 'ai.response.text': '', 'ai.response.toolCalls': '[{"toolName":"weather"}]' }
  expect(kept(chat('a', {}, null, attributes))).toEqual({ result: [{ toolName: 'weather' }] })
})

it('parts of messages and events are messages, too', () => {
  const parts = { 'gen_ai.prompt.0.role': 'user', 'gen_ai.completion.0.content': 'Sunny' }
  expect(kept(chat('a', {}, null, parts))).toEqual({
    parameters: { 'gen_ai.prompt.0.role': 'user' },
    result: { 'gen_ai.completion.0.content': 'Sunny' },
  })
  const events = [
    event('gen_ai.user.message', { content: 'Weather?' }),
    event('gen_ai.choice', { message: 'Sunny' }),
    event('exception', { 'exception.message': 'no' }),
  ]
  expect(kept(chat('a', { events }, null))).toEqual({
    parameters: [{ name: 'gen_ai.user.message', content: 'Weather?' }],
    result: [{ name: 'gen_ai.choice', message: 'Sunny' }],
  })
})

it('attributes can be dropped, also of events', () => {
  const events = [event('gen_ai.user.message', { content: 'Weather?' })]
  const call = chat('a', { events }, null, {
    'gen_ai.input.messages': 'secret',
    'input.value': 'x',
  })
  expect(kept(call, { drop: ['gen_ai.input.messages'] })).toEqual({ parameters: 'x' })
  expect(kept(call, { drop: ['gen_ai.input.messages', 'input.value', 'content'] })).toBeUndefined()
})

it('content is cut at the limit, and then it is text', () => {
  const long = JSON.stringify([{ role: 'user', content: 'x'.repeat(2000) }])
  expect(kept(chat('a', {}, null, { 'input.value': long }))).toEqual({
    parameters: long.slice(0, 1000),
  })
  expect(kept(chat('a', {}, null, { 'input.value': [long] }))?.parameters).toHaveLength(1000)
  const pairs = kept(chat('a', {}, null, { 'input.value': `x${'😀'.repeat(600)}` }))?.parameters
  expect(pairs).toHaveLength(1000)
  expect(String(pairs)).not.toMatch(/\p{Surrogate}/u)
})

it('content that PostgreSQL cannot store stays text', () => {
  const escaped = '{"a":"\\u0000","b":"\\ud800"}'
  expect(kept(chat('a', {}, null, { 'input.value': escaped }))).toEqual({ parameters: escaped })
  expect(kept(chat('a', {}, null, { 'input.value': 'a\0b\ud800' }))).toEqual({ parameters: 'a�b�' })
  const deep = `${'['.repeat(500)}${']'.repeat(500)}`
  expect(kept(chat('a', {}, null, { 'input.value': deep }))).toEqual({ parameters: deep })
})

it('a step has the content of the spans of its call', () => {
  const mapping = mappingWith({ content: { limit: 100, drop: [] } })
  const spans = [
    chat('outer', { to: 50 }, null, { 'input.value': 'Weather?' }),
    chat('inner', { parent: 'outer' }, null),
  ]
  expect(traced(spans, mapping).steps).toMatchObject([{ content: { parameters: 'Weather?' } }])
  expect(traced(spans).steps).toMatchObject([{ content: null }])
})
