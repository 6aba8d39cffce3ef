import type { Attributes, Span, SpanKind, Value } from './types.ts'
import { firstOf, textOf } from './values.ts'

type KindOf = (value: string) => SpanKind

const listed =
  (kinds: Readonly<Record<string, SpanKind>>): KindOf =>
  (value) =>
    Object.hasOwn(kinds, value) ? (kinds[value] as SpanKind) : 'container'

/**
 * What says what a span is, in each vocabulary; the first that is there wins. A value that is not listed is a container. Neither
 * usage nor a tool name says it: agents repeat the usage of their calls, and some model calls name the tool that they asked for.
 */
const VOCABULARIES: readonly (readonly [attribute: string, kindOf: KindOf])[] = [
  [
    'gen_ai.operation.name',
    listed({
      chat: 'model',
      text_completion: 'model',
      generate_content: 'model',
      embeddings: 'model',
      execute_tool: 'tool',
      invoke_agent: 'agent',
    }),
  ],
  [
    'openinference.span.kind',
    (kind) =>
      listed({ LLM: 'model', EMBEDDING: 'model', TOOL: 'tool', AGENT: 'agent' })(
        kind.toUpperCase(),
      ),
  ],
  [
    'ai.operationId',
    (id) => (id === 'ai.toolCall' ? 'tool' : /\.do[A-Z]/.test(id) ? 'model' : 'container'),
  ],
  ['traceloop.span.kind', listed({ tool: 'tool', agent: 'agent' })],
  ['genkit:metadata:subtype', listed({ model: 'model', embedder: 'model', tool: 'tool' })],
  ['genkit:type', () => 'container'],
  [
    'langfuse.observation.type',
    listed({ generation: 'model', embedding: 'model', tool: 'tool', agent: 'agent' }),
  ],
  // OpenLLMetry before it wrote gen_ai.operation.name.
  ['llm.request.type', listed({ chat: 'model', completion: 'model', embedding: 'model' })],
]

const nameOfKind = (value: Value | undefined): string | undefined =>
  typeof value === 'string' ? textOf(value) : undefined

const kindIn = (attributes: Attributes): SpanKind | undefined => {
  for (const [attribute, kindOf] of VOCABULARIES) {
    const value = firstOf(attributes, [attribute], nameOfKind)
    if (value !== undefined) return kindOf(value)
  }
  return undefined
}

export const kindOf = ({ attributes }: Pick<Span, 'attributes'>): SpanKind =>
  kindIn(attributes) ?? 'other'
