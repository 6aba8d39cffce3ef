import type { TokenClass } from '../../tables/tokens.ts'

/** The value of an attribute. A whole number outside the safe range of JavaScript is a string of digits. */
export type Value = string | number | boolean | null | readonly Value[] | { [name: string]: Value }
export type Attributes = { readonly [name: string]: Value }

/** A span as OTLP sends it, decoded. Ids are lower-case hexadecimal; times are RFC 3339 in UTC with six digits of a second. */
export interface Span {
  /** 32 digits, not all 0. */
  traceId: string
  /** 16 digits, not all 0. */
  spanId: string
  parentSpanId: string | null
  /** Bits 8 and 9 say whether the parent is remote; null if the exporter sends no flags. */
  flags: number | null
  traceState: string
  name: string
  startTime: string
  endTime: string
  attributes: Attributes
  /** Of the resource, such as service.name. */
  resource: Attributes
  scope: { name: string; version: string }
  /** 0 unset, 1 ok, 2 error. */
  status: { code: number; message: string }
  events: readonly { name: string; time: string; attributes: Attributes }[]
  links: readonly { traceId: string; spanId: string }[]
}

/** model: it called a model. tool: it called a tool. agent: it ran an agent. container: another span of an agent SDK. other: the rest. */
export type SpanKind = 'model' | 'tool' | 'agent' | 'container' | 'other'

/** Disjoint classes; null for a class that was not reported. */
export type Usage = Record<TokenClass, number | null>

/**
 * What wfstore keeps of a span: JSON. Fields that are empty are left out, because each run has many of them. Prompts and
 * answers are in `content` only, and only if they are wanted.
 */
export interface Facts {
  spanId: string
  parentSpanId?: string
  /** The parent is in another process. */
  remoteParent?: true
  kind: SpanKind
  /** Of a model span that only names a model. It is a container if a model was called below it. */
  guessed?: true
  name: string
  scope?: string
  start: string
  end: string
  status: 'success' | 'failed'
  /** The first line of the message. */
  errorMessage?: string
  /** Of a model span. Of another span it is compared, never added. Undefined if no usage was reported. */
  usage?: Usage
  provider?: string
  requestModel?: string
  responseModel?: string
  responseId?: string
  /** US dollars as decimal text, only if given costs are trusted. */
  cost?: string
  toolName?: string
  agentName?: string
  /** How often the request was sent again within this span. */
  resends?: number
  /** The name of the run if this span is its root. */
  runName?: string
  /** The workflow that this span names, for a run without a root. */
  workflowName?: string
  serviceName?: string
  userId?: string
  sessionId?: string
  mode?: string
  /** Of a run of which no span names a user or a mode, if the receiver has other defaults than the usual ones. */
  defaultUser?: string
  defaultMode?: string
  tags?: Record<string, string>
  /** The trace of the run that starts this one, from a link of the root. */
  linkedTraceId?: string
  /** Sampled with a probability below 1, so that other traces are missing. */
  sampled?: true
  content?: { parameters?: Value; result?: Value }
}

/** A step of a traced run. */
export interface TracedStep {
  kind: 'model' | 'tool' | 'agent'
  /** The span that owns the step; its id makes the step id. */
  spanId: string
  /** All spans that describe this call, in order of their ids. */
  spanIds: readonly string[]
  name: string
  toolName: string | null
  provider: string | null
  requestModel: string | null
  /** The model that answered, or else the one that was asked for. */
  modelId: string | null
  responseId: string | null
  status: 'success' | 'failed'
  errorMessage: string | null
  start: string
  end: string
  usage: Usage | null
  cost: string | null
  /** The number of earlier attempts at the same call. */
  attempt: number
  /** The agent that the step belongs to. */
  agentName: string | null
  content: { parameters?: Value; result?: Value } | null
}

/** What is wrong with a trace, or was left out. */
export type FindingCode =
  /** A container reports more tokens than the calls below it: calls were lost. */
  | 'calls_lost'
  | 'no_root'
  /** A step that called a model without reported tokens. */
  | 'no_usage'
  | 'sampled'
  /** A call that another trace has reported too; it counts there. */
  | 'counted_elsewhere'
export interface Finding {
  code: FindingCode
  spanId?: string
  detail?: string
}

/** A run, from all spans of its trace that have arrived. */
export interface TracedRun {
  root: 'ended' | 'missing'
  workflowName: string | null
  userId: string | null
  sessionId: string | null
  mode: string | null
  tags: Record<string, string>
  /** The model of its first call. */
  modelId: string | null
  parentTraceId: string | null
  /** Of the root; without a root failed if a step has failed. */
  status: 'success' | 'failed'
  errorMessage: string | null
  start: string
  end: string
  /** In order of their start, then of their span ids. */
  steps: readonly TracedStep[]
  findings: readonly Finding[]
}

/** How attributes become the fields of a run. */
export interface Mapping {
  /** Names of attributes, the first that is there wins. */
  workflow: readonly string[]
  user: readonly string[]
  session: readonly string[]
  mode: readonly string[]
  /** By tag. */
  tags: { readonly [tag: string]: readonly string[] }
  defaultUser: string
  defaultMode: string
  /** Take gen_ai.usage.cost and llm.cost.* as the cost of a call. */
  trustCost: boolean
  /** Keep prompts and answers: at most this number of characters for each; undefined to leave them out. */
  content: { limit: number; drop: readonly string[] } | undefined
}
