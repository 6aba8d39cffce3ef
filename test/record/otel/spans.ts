import { factsOf } from '../../../src/record/otel/facts.ts'
import { DEFAULT_MAPPING } from '../../../src/record/otel/mapping.ts'
import { runOf } from '../../../src/record/otel/run.ts'
import type {
  Attributes,
  Facts,
  Mapping,
  Span,
  TracedRun,
  TracedStep,
  Usage,
} from '../../../src/record/otel/types.ts'

export const TRACE = 'a'.repeat(32)
export const idOf = (name: string): string => Buffer.from(name).toString('hex').padStart(16, '0')

/** Milliseconds after a fixed time. */
export const at = (ms: number): string =>
  `${new Date(Date.UTC(2026, 10, 27, 16) + Math.floor(ms)).toISOString().slice(0, 23)}${String(
    Math.round((ms % 1) * 1000),
  ).padStart(3, '0')}Z`

export interface Given extends Partial<Omit<Span, 'scope' | 'status'>> {
  parent?: string
  from?: number
  to?: number
  scope?: string
  error?: string | true
}

/** A span with a short id. */
export function span(id: string, given: Given = {}, attributes: Attributes = {}): Span {
  const { parent, from = 0, to = from + 10, scope = 'test', error, ...rest } = given
  return {
    traceId: TRACE,
    spanId: idOf(id),
    parentSpanId: parent === undefined ? null : idOf(parent),
    flags: 0x101,
    traceState: '',
    name: id,
    startTime: at(from),
    endTime: at(to),
    attributes,
    resource: { 'service.name': 'demo' },
    scope: { name: scope, version: '1' },
    status: error ? { code: 2, message: error === true ? '' : error } : { code: 0, message: '' },
    events: [],
    links: [],
    ...rest,
  }
}

/** A call of gpt-5 with tokens. */
export const chat = (
  id: string,
  given: Given = {},
  tokens: readonly [input: number, output: number] | null = [100, 20],
  attributes: Attributes = {},
): Span =>
  span(
    id,
    { name: 'chat gpt-5', ...given },
    {
      'gen_ai.operation.name': 'chat',
      'gen_ai.request.model': 'gpt-5',
      ...(tokens && {
        'gen_ai.usage.input_tokens': tokens[0],
        'gen_ai.usage.output_tokens': tokens[1],
      }),
      ...attributes,
    },
  )

export const tool = (id: string, given: Given = {}, attributes: Attributes = {}): Span =>
  span(id, given, {
    'gen_ai.operation.name': 'execute_tool',
    'gen_ai.tool.name': id,
    ...attributes,
  })

export const agent = (id: string, given: Given = {}, attributes: Attributes = {}): Span =>
  span(id, given, {
    'gen_ai.operation.name': 'invoke_agent',
    'gen_ai.agent.name': id,
    ...attributes,
  })

export const mappingWith = (given: Partial<Mapping>): Mapping => ({ ...DEFAULT_MAPPING, ...given })

export const factsOfSpans = (spans: readonly Span[], mapping = DEFAULT_MAPPING): Facts[] =>
  spans.map((one) => factsOf(one, mapping))

export function traced(spans: readonly Span[], mapping = DEFAULT_MAPPING): TracedRun {
  const run = runOf(factsOfSpans(spans, mapping))
  if (run === undefined) throw new Error('no run')
  return run
}

export const stepsOf = (spans: readonly Span[]): readonly TracedStep[] => traced(spans).steps

/** The span ids of each step, with the names of `span`. */
export const namesOf = (steps: readonly TracedStep[]): string[] =>
  steps.map(({ spanIds }) => spanIds.map(nameOf).sort().join('+'))

export const nameOf = (id: string): string => Buffer.from(id, 'hex').toString().replaceAll('\0', '')

/** The usage of a model span with these attributes. */
export const usageWith = (attributes: Attributes, given: Given = {}): Usage | undefined =>
  factsOf(span('a', given, { 'gen_ai.operation.name': 'chat', ...attributes }), DEFAULT_MAPPING)
    .usage

export const usage = (given: Partial<Usage>): Usage => ({
  input: null,
  output: null,
  cacheRead: null,
  cacheWrite: null,
  reasoning: null,
  ...given,
})
