import { expect, it } from 'vitest'
import { factsOf } from '../../../../src/record/otel/facts.ts'
import { DEFAULT_MAPPING } from '../../../../src/record/otel/mapping.ts'
import { runOf } from '../../../../src/record/otel/run.ts'
import type { Attributes, Span, TracedRun, TracedStep } from '../../../../src/record/otel/types.ts'

/** A span with those below it. */
export interface Emitted {
  name: string
  attributes: Attributes
  below: readonly Emitted[]
  scope?: string
}

export const span = (
  name: string,
  attributes: Attributes = {},
  ...below: readonly Emitted[]
): Emitted => ({ name, attributes, below })

export const inScope = (scope: string, emitted: Emitted): Emitted => ({ ...emitted, scope })

type Tokens = readonly [
  input: number | null,
  output: number | null,
  cacheRead: number | null,
  cacheWrite: number | null,
  reasoning: number | null,
]
/** A model step with its model and its tokens, or the name of a tool or an agent. */
export type ExpectedStep =
  | readonly ['model', string, Tokens | null]
  | readonly ['tool' | 'agent', string]

export interface Emitter {
  /** The instrumentation scope, with its version after an @, if a span has no other. */
  scope: string
  root: Emitted
  steps: readonly ExpectedStep[]
  run?: Partial<TracedRun>
}

function scopeOf(text: string): Span['scope'] {
  const [, name = '', version = ''] = /^(.*?)(?:@([^@/]*))?$/.exec(text) ?? []
  return { name, version }
}

/** The spans of a trace: each begins and ends one millisecond after the one before. */
function spansOf(root: Emitted, scope: string): Span[] {
  let time = Date.parse('2026-01-02T03:04:05.000Z')
  const next = () => new Date(time++).toISOString().replace('Z', '000Z')
  const spans: Span[] = []
  const add = (emitted: Emitted, parent: Span | null) => {
    const own: Span = {
      traceId: 'a'.repeat(32),
      spanId: (spans.length + 1).toString(16).padStart(16, '0'),
      parentSpanId: parent?.spanId ?? null,
      flags: null,
      traceState: '',
      name: emitted.name,
      startTime: next(),
      endTime: '',
      attributes: emitted.attributes,
      resource: { 'service.name': 'shop' },
      scope: scopeOf(emitted.scope ?? scope),
      status: { code: 0, message: '' },
      events: [],
      links: [],
    }
    spans.push(own)
    for (const one of emitted.below) add(one, own)
    own.endTime = next()
  }
  add(root, null)
  return spans
}

const tokensOf = ({ usage }: TracedStep): Tokens | null =>
  usage && [usage.input, usage.output, usage.cacheRead, usage.cacheWrite, usage.reasoning]

const asExpected = (step: TracedStep): ExpectedStep =>
  step.kind === 'model'
    ? ['model', step.modelId ?? '', tokensOf(step)]
    : [step.kind, step.toolName ?? step.name]

export const runOfEmitter = ({ root, scope }: Emitter): TracedRun | undefined =>
  runOf(spansOf(root, scope).map((one) => factsOf(one, DEFAULT_MAPPING)))

/** A test for each emitter: its steps, and what else is expected of its run. */
export function testEmitters(emitters: Readonly<Record<string, Emitter>>): void {
  it.each(Object.entries(emitters))('%s', (_, emitter) => {
    const run = runOfEmitter(emitter)
    expect(run?.steps.map(asExpected)).toEqual(emitter.steps)
    expect(run).toMatchObject(emitter.run ?? {})
  })
}
