import { TOKEN_FIELDS } from '../../tables/tokens.ts'
import type { Execution } from './executions.ts'
import type { Step } from './steps.ts'

/** What is known of a step, for people. */

/** Null if no part of the cost is known: a call without a price is not free. */
export const knownCost = ({
  cost,
  costSource,
}: Pick<Step, 'cost' | 'costSource'>): string | null =>
  costSource === 'unpriced' && Number(cost) === 0 ? null : cost

type Usage = Pick<Step, 'costSource' | 'tokensUsed' | (typeof TOKEN_FIELDS)[number]>

/** Null if a call has not reported its tokens. */
export function knownTokens(step: Usage): Step['tokensUsed'] | null {
  const isUnknown =
    step.costSource === 'unpriced' && TOKEN_FIELDS.every((field) => step[field] === null)
  return isUnknown && Number(step.tokensUsed) === 0 ? null : step.tokensUsed
}

type Call = Pick<Step, 'modelId' | 'costSource' | 'cost' | 'tokensUsed'>

/** A step without a model of its own has that of its run if it calls a model. */
export function modelOf(
  { modelId, costSource, cost, tokensUsed }: Call,
  run: Pick<Execution, 'modelId'>,
): string | null {
  const isCall = costSource !== null || Number(cost) !== 0 || Number(tokensUsed) !== 0
  return modelId ?? (isCall ? run.modelId : null)
}

/** Whether the run came from OpenTelemetry. JSON is text here. */
export const isTraced = ({ metadata }: Pick<Execution, 'metadata'>): boolean =>
  String(metadata) === '{"source": "opentelemetry"}'

/** The agent of a step of a run from OpenTelemetry. */
export const agentOf = ({ stepDescription }: Pick<Step, 'stepDescription'>): string | null =>
  /^agent (.+)/s.exec(stepDescription ?? '')?.[1] ?? null
