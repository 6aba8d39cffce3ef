import type { Attributes, Span, SpanKind, Value } from './types.ts'
import { firstOf, textOf } from './values.ts'

type KindOf = (value: string, attributes: Attributes) => SpanKind | undefined

const listed =
  (kinds: Readonly<Record<string, SpanKind>>): KindOf =>
  (value) =>
    Object.hasOwn(kinds, value) ? (kinds[value] as SpanKind) : 'container'

/**
 * The names that emitters have for a call of a model: those of the conventions, older ones (chat.completions), those of one emitter
 * (embedding, rerank, realtime), and those of LiteLLM, which puts an `a` before the name of an asynchronous call.
 */
const MODEL_CALL = new RegExp(
  `^_?a?(${[
    'chat|completions?|(chat|text)[._]completions?|responses|(anthropic_)?messages',
    'generate_content(_stream)?|embeddings?|rerank|realtime|pass_through_endpoint',
    'image(_(generation|edit))?|speech|transcription|moderation',
  ].join('|')})$`,
)

const operation: KindOf = (value) => {
  if (MODEL_CALL.test(value)) return 'model'
  return listed({ execute_tool: 'tool', invoke_agent: 'agent' })(value, {})
}

/** Also of Dify and others, under the name gen_ai.span.kind. */
const openInference: KindOf = (kind) =>
  listed({ LLM: 'model', EMBEDDING: 'model', TOOL: 'tool', AGENT: 'agent' })(kind.toUpperCase(), {})

const CLAUDE_CODE: Readonly<Record<string, SpanKind>> = {
  interaction: 'container',
  llm_request: 'model',
  tool: 'tool',
  'tool.execution': 'container',
  'tool.blocked_on_user': 'container',
  hook: 'container',
}

/** The Agent Development Kit of Google sums up parallel calls of tools in one more span. */
const isSumOfTools = (attributes: Attributes): boolean =>
  firstOf(attributes, ['gen_ai.tool.name'], textOf) === '(merged tools)'

/** OpenLLMetry for CrewAI says invoke_agent of a task, too. */
const isPart = (attributes: Attributes): boolean =>
  /^(task|workflow)$/.test(firstOf(attributes, ['traceloop.span.kind'], textOf) ?? '')

const namesModel = (attributes: Attributes): boolean =>
  firstOf(attributes, ['gen_ai.request.model', 'gen_ai.response.model'], textOf) !== undefined

/**
 * What says what a span is, in each vocabulary; the first that is there wins. A value that is not listed is a container. Neither
 * usage nor a tool name says it: agents repeat the usage of their calls, and some model calls name the tool that they asked for.
 */
const VOCABULARIES: readonly (readonly [attribute: string, kindOf: KindOf])[] = [
  // LangSmith calls a prompt template "chat" and a retriever "embeddings" in gen_ai.operation.name.
  ['langsmith.span.kind', listed({ llm: 'model', embedding: 'model', tool: 'tool' })],
  // Spring AI 1 calls a tool "framework" there.
  ['spring.ai.kind', (kind) => (kind === 'tool_call' ? 'tool' : 'container')],
  [
    'gen_ai.operation.name',
    (value, attributes) => {
      const kind = operation(value, attributes)
      const isNoCall =
        (kind === 'tool' && isSumOfTools(attributes)) || (kind === 'agent' && isPart(attributes))
      return isNoCall ? 'container' : kind
    },
  ],
  ['openinference.span.kind', openInference],
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
  // OpenLLMetry before it wrote gen_ai.operation.name, and LiteLLM without content.
  ['llm.request.type', operation],
  ['gen_ai.span.kind', openInference],
  ['mcp.method.name', (method) => (method === 'tools/call' ? 'tool' : 'container')],
  // Claude Code. What others have there says nothing.
  [
    'span.type',
    (type) => (Object.hasOwn(CLAUDE_CODE, type) ? (CLAUDE_CODE[type] as SpanKind) : undefined),
  ],
  // Emitters without a word for it: PydanticAI before 1, the Agent Development Kit of Google. A span with both says nothing.
  ['gen_ai.tool.name', (_, attributes) => (namesModel(attributes) ? 'other' : 'tool')],
]

const nameOfKind = (value: Value | undefined): string | undefined =>
  typeof value === 'string' ? textOf(value) : undefined

const kindIn = (attributes: Attributes): SpanKind | undefined => {
  for (const [attribute, kindOf] of VOCABULARIES) {
    const value = firstOf(attributes, [attribute], nameOfKind)
    const kind = value === undefined ? undefined : kindOf(value, attributes)
    if (kind !== undefined) return kind
  }
  return undefined
}

/** vLLM names the request instead of the provider. */
const CALLED = ['gen_ai.provider.name', 'gen_ai.system', 'gen_ai.request.id']

/** An emitter that names the model and its provider. An application that only notes a model on a span of its own made no call with it. */
const isProbablyCall = (attributes: Attributes): boolean =>
  namesModel(attributes) && firstOf(attributes, CALLED, textOf) !== undefined

export const kindOf = ({ attributes }: Pick<Span, 'attributes'>): SpanKind =>
  kindIn(attributes) ?? (isProbablyCall(attributes) ? 'model' : 'other')

/** Nothing says what the span is. It only names a model and its provider. */
export const isGuessed = ({ attributes }: Pick<Span, 'attributes'>): boolean =>
  kindIn(attributes) === undefined && isProbablyCall(attributes)
