import { contentOf } from './content.ts'
import { isGuessed, kindOf } from './kinds.ts'
import { DEFAULT_MAPPING, namesOfAnySpan } from './mapping.ts'
import {
  providerOf,
  requestModelOf,
  resendsOf,
  responseIdOf,
  responseModelOf,
} from './model-call.ts'
import { isSampled } from './sampled.ts'
import { errorMessageOf, hasFailed } from './status.ts'
import type { Facts, Mapping, Span, SpanKind, Usage, Value } from './types.ts'
import { areCounts, totalOf, usageOf } from './usage.ts'
import { firstOf, textAt, textOf } from './values.ts'

const REMOTE = 0x300

const TOOL_NAMES = [
  'gen_ai.tool.name',
  'tool.name',
  'ai.toolCall.name',
  'traceloop.entity.name',
  'genkit:name',
  'spring.ai.tool.definition.name',
  'tool_name',
]
const AGENT_NAMES = ['gen_ai.agent.name', 'agent.name', 'ai.telemetry.functionId', 'agent_name']

/** The first is of several emitters, and then of OpenInference, OpenRouter, PydanticAI and LiteLLM. */
const COSTS = [
  'gen_ai.usage.cost',
  'llm.cost.total',
  'gen_ai.usage.total_cost',
  'operation.cost',
  'gen_ai.cost.total_cost',
]

type Given = { [name in keyof Facts]: Facts[name] | undefined }

/** What wfstore keeps of a span. */
export function factsOf(span: Span, mapping: Mapping): Facts {
  const kind = kindOf(span)
  const isCall = kind === 'model' || kind === 'tool'
  const remoteParent = ((span.flags ?? 0) & REMOTE) === REMOTE ? true : undefined
  const mayBeRoot = span.parentSpanId === null || remoteParent
  const failed = hasFailed(span, kind)
  const usage = usageOfKind(span, kind)
  const name = textOf(span.name) ?? kind
  const facts: Given = {
    spanId: span.spanId,
    parentSpanId: span.parentSpanId ?? undefined,
    remoteParent,
    kind,
    guessed: kind === 'model' && isGuessed(span) ? true : undefined,
    name,
    scope: textOf(span.scope.name),
    start: span.startTime,
    end: [span.startTime, span.endTime].sort().at(-1),
    status: failed ? 'failed' : 'success',
    errorMessage: failed ? errorMessageOf(span) : undefined,
    usage,
    ...(kind === 'model' ? callFacts(span, mapping, usage) : {}),
    toolName: kind === 'tool' ? toolNameOf(span, name) : undefined,
    agentName: agentNameOf(span, kind, name),
    runName: mayBeRoot ? (textIn(span, mapping.workflow) ?? name) : undefined,
    workflowName: textIn(span, namesOfAnySpan(mapping.workflow)),
    serviceName: textIn(span, ['service.name']),
    userId: textIn(span, mapping.user),
    sessionId: textIn(span, mapping.session),
    mode: textIn(span, mapping.mode),
    defaultUser: unusual(mapping.defaultUser, DEFAULT_MAPPING.defaultUser),
    defaultMode: unusual(mapping.defaultMode, DEFAULT_MAPPING.defaultMode),
    tags: tagsOf(span, mapping),
    linkedTraceId: mayBeRoot
      ? span.links.find(({ traceId }) => traceId !== span.traceId)?.traceId
      : undefined,
    sampled: isSampled(span) ? true : undefined,
    content: isCall ? contentOf(span, mapping.content) : undefined,
  }
  const kept: { [name: string]: unknown } = {}
  for (const [name, value] of Object.entries(facts)) if (value !== undefined) kept[name] = value
  return kept as unknown as Facts
}

/** Spans are many, so the usual value is left out. */
const unusual = (value: string, usual: string) => (value === usual ? undefined : value)

/** Only a call is refused for a wrong usage. What other spans repeat is not counted, and a run needs its root. */
function usageOfKind(span: Span, kind: SpanKind): Usage | undefined {
  const usage = kind === 'tool' ? undefined : usageOf(span)
  return usage && (kind === 'model' || areCounts(usage)) ? usage : undefined
}

/** An attribute of the span, or else of its resource; the first name that is there wins. */
function textIn({ attributes, resource }: Span, names: readonly string[]): string | undefined {
  for (const name of names) {
    const text = textAt(attributes, name) ?? textAt(resource, name)
    // SDKs set it if the application has no name.
    if (text !== undefined && !(name === 'service.name' && text.startsWith('unknown_service')))
      return text
  }
  return undefined
}

function callFacts(span: Span, mapping: Mapping, usage: Usage | undefined): Partial<Given> {
  return {
    provider: providerOf(span),
    requestModel: requestModelOf(span),
    responseModel: responseModelOf(span),
    responseId: responseIdOf(span),
    resends: resendsOf(span),
    cost: mapping.trustCost ? costOf(span, usage) : undefined,
  }
}

function toolNameOf({ attributes }: Span, name: string): string {
  return (
    firstOf(attributes, TOOL_NAMES, textOf) ??
    (name.replace(/^(execute_tool|tools\/call) /, '') || name)
  )
}

function agentNameOf({ attributes }: Span, kind: string, name: string): string | undefined {
  return (
    firstOf(attributes, AGENT_NAMES, textOf) ??
    (kind === 'agent'
      ? (firstOf(attributes, ['traceloop.entity.name'], textOf) ??
        name.replace(/^invoke_agent /, ''))
      : undefined)
  )
}

function tagsOf(span: Span, { tags }: Mapping): Facts['tags'] {
  const found = Object.entries(tags).flatMap(([tag, names]) => {
    const text = textIn(span, names)
    return text === undefined ? [] : [[tag, text] as const]
  })
  return found.length === 0 ? undefined : Object.fromEntries(found)
}

/** 0 for tokens means that the emitter knows no price. */
function costOf({ attributes }: Span, usage: Usage | undefined): string | undefined {
  const cost = firstOf(attributes, COSTS, amountOf)
  return cost === '0' && (usage === undefined || totalOf(usage) > 0) ? undefined : cost
}

/** US dollars as decimal text without an exponent. */
function amountOf(value: Value | undefined): string | undefined {
  const text = typeof value === 'number' ? String(value) : value
  if (typeof text !== 'string') return undefined
  const parts = /^(\d{1,12})(?:\.(\d{1,40}))?(?:e([+-]\d{1,2}))?$/i.exec(text.trim())
  if (parts === null) return undefined
  const [, whole = '', fraction = '', exponent = '0'] = parts
  const digits = whole + fraction
  const point = whole.length + Number(exponent)
  const padded = digits.padStart(digits.length + Math.max(0, 1 - point), '0').padEnd(point, '0')
  const at = Math.max(point, 1)
  const plain = `${padded.slice(0, at)}.${padded.slice(at)}`
  return plain.replace(/^0+(?=\d)/, '').replace(/\.?0*$/, '') || '0'
}
