import * as d from '../../db/query/decode.ts'
import type { Run } from '../../db/query/query.ts'
import { send } from '../../db/query/send.ts'
import { sql } from '../../db/query/sql.ts'
import { WfstoreError } from '../../error.ts'
import { assertSame, type Compared, compared } from '../../queries/table/compare.ts'
import type { TokenCounts } from '../../queries/table/validate.ts'
import {
  TOKEN_CLASSES,
  TOKEN_FIELDS,
  type TokenClass,
  type TokenField,
} from '../../tables/tokens.ts'
import { FINISH_GIVEN, FINISH_PRICED, FINISH_STEP, RETRY_STEP } from './attempt-statements.ts'
import { derivedId } from './identity.ts'
import { billOf, entryOf, readStepState } from './lookups.ts'

/** The end of an attempt at a step: the step is finished or retried. */
export interface AttemptEnd {
  executionId: string
  stepId: string
  /** The number of earlier retries. */
  attempt: number
  tokens: TokenCounts
  /** Null for the cost that the price book gives. */
  cost: string | null
  provider: string | null
  modelId: string | null
  errorMessage: string | null
  /** Set if the step is finished. */
  finish?: { status: string; result: string | null; endTime: string | null }
}

const TRIES = 10

/** A cost that is not given is the one that the price book gave, or 0. */
const NOT_GIVEN: Compared = {
  name: 'cost',
  stored: sql`case when r.metadata ? 'costSource' then '0' else trim_scale(r.cost)::text end`,
  given: sql`'0'`,
}

/** @throws WfstoreError not_found, conflict */
export async function endAttempt(run: Run, end: AttemptEnd): Promise<void> {
  const { executionId, stepId, attempt, tokens, cost, provider, modelId, errorMessage, finish } =
    end
  const action = finish ? 'step_end' : 'step_retry'
  const entry = derivedId(action, executionId, stepId, attempt)
  const correction = derivedId('correction', executionId, stepId, attempt)
  const status = finish?.status ?? 'running'
  const metadata = JSON.stringify({ attempt, status, tokens: namedTokens(tokens) })
  const values = {
    executionId,
    stepId,
    attempt,
    bill: billOf(executionId),
    withoutBill: false,
    tokens: tokens.total,
    cost,
    provider,
    modelId,
    ...tokens.classes,
    status,
    errorMessage,
    entry,
    metadata,
    result: finish?.result,
    endTime: finish?.endTime,
    correction,
  }
  if (finish) {
    const statement = cost === null ? FINISH_PRICED(values) : FINISH_GIVEN(values)
    if ((await send(run, statement, { status: d.text() })).length > 0) return
  }
  for (let tried = 1; tried <= TRIES; tried++) {
    // A run that was finished without the recorder has no bill. A run that has just finished has one in the next snapshot.
    values.withoutBill = tried > 2
    const statement = finish ? FINISH_STEP(values) : RETRY_STEP(values)
    if ((await send(run, statement, { status: d.text() })).length > 0) return
    const fields = [
      compared('text', 'status', "r.metadata ->> 'status'", status),
      compared('count', 'tokens', 'r.tokens_used', tokens.total),
      cost === null ? NOT_GIVEN : compared('amount', 'cost', 'r.cost', cost),
      compared('text', 'errorMessage', 'r.error_message', errorMessage),
      {
        name: 'tokens by class',
        stored: sql`(r.metadata -> 'tokens')::text`,
        given: sql`(${metadata}::jsonb -> 'tokens')::text`,
      },
    ]
    if (modelId !== null) fields.push(compared('text', 'modelId', 'r.model_id', modelId))
    if (finish) fields.push(compared('json', 'result', 'r.tool_output', finish.result))
    const what = `${finish ? 'the end' : 'the retry'} of step ${stepId}`
    if (await assertSame(run, what, entryOf(entry), fields)) return
    await assertOpen(run, end)
  }
  throw new WfstoreError('failed', `step ${stepId} could not be recorded in ${TRIES} tries`)
}

const ANOTHER = 'start another step for another model'

/** Throws the reason why nothing was written. Without a reason, another try may succeed. */
async function assertOpen(
  run: Run,
  { executionId, stepId, attempt, provider, modelId, finish }: AttemptEnd,
): Promise<void> {
  const state = await readStepState(run, executionId, stepId)
  const refuse = (why: string, hint: string) => {
    throw new WfstoreError('conflict', `step ${stepId} of execution ${executionId} ${why}`, {
      hint,
    })
  }
  if (state.retryCount !== attempt) {
    refuse(
      `was retried ${state.retryCount} times, not ${attempt}`,
      'another process has retried the step; this attempt is over',
    )
  }
  if (state.hasCost && modelId !== null && modelId !== state.modelId)
    refuse(`has a cost of ${state.modelId ?? 'the model of its run'}, not of ${modelId}`, ANOTHER)
  if (state.hasCost && provider !== null && provider !== state.provider)
    refuse(`has a cost of ${state.provider ?? 'no provider'}, not of ${provider}`, ANOTHER)
  const open = finish ? ['pending', 'running'] : ['pending', 'running', 'failed']
  if (!open.includes(state.status) && !state.leftOpen) {
    refuse(`is already ${state.status}`, 'it was finished without the recorder')
  }
  if (!finish && state.executionStatus !== 'running') {
    refuse(
      `cannot be retried: its execution has finished (${state.executionStatus})`,
      'start another execution',
    )
  }
}

/** The classes that were reported, as callers name them. */
function namedTokens({ classes }: TokenCounts): Partial<Record<TokenClass, number>> {
  const named: Partial<Record<TokenClass, number>> = {}
  for (const [place, name] of TOKEN_CLASSES.entries()) {
    const count = classes[TOKEN_FIELDS[place] as TokenField]
    if (count !== null) named[name] = count
  }
  return named
}
