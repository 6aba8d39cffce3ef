import * as d from '../../db/query/decode.ts'
import type { Run } from '../../db/query/query.ts'
import { send } from '../../db/query/send.ts'
import { WfstoreError } from '../../error.ts'
import { assertSame, compared } from '../../queries/table/compare.ts'
import type { TokenCounts } from '../../queries/table/validate.ts'
import { TOKEN_CLASSES } from '../../tables/tokens.ts'
import { derivedId } from './identity.ts'
import { billOf, readStepState } from './lookups.ts'
import { FINISH_STEP, RETRY_STEP } from './statements.ts'

/** The end of an attempt at a step: the step is finished or retried. */
export interface AttemptEnd {
  executionId: string
  stepId: string
  /** The number of earlier retries. */
  attempt: number
  tokens: TokenCounts
  cost: string
  errorMessage: string | null
  /** Set if the step is finished. */
  finish?: { status: string; result: string | null; endTime: string | null }
}

const TRIES = 10

/** @throws WfstoreError not_found, conflict */
export async function endAttempt(run: Run, end: AttemptEnd): Promise<void> {
  const { executionId, stepId, attempt, tokens, cost, errorMessage, finish } = end
  const action = finish ? 'step_end' : 'step_retry'
  const entry = derivedId(action, executionId, stepId, attempt)
  const correction = derivedId('correction', executionId, stepId, attempt)
  const status = finish?.status ?? 'running'
  const metadata = JSON.stringify({ attempt, status, tokens: namedTokens(tokens) })
  for (let tried = 1; tried <= TRIES; tried++) {
    // A run that was finished without the recorder has no bill. A run that has just finished has one in the next snapshot.
    const withoutBill = tried > 2
    const values = [
      ...[executionId, stepId, attempt, billOf(executionId), withoutBill],
      ...[tokens.total, cost, ...tokens.classes],
      ...[status, errorMessage, entry, metadata],
      ...(finish ? [finish.result, finish.endTime, correction] : []),
    ]
    const statement = finish ? FINISH_STEP : RETRY_STEP
    if ((await send(run, statement, values, { status: d.text() })).length > 0) return
    const known = [entry, status, tokens.total, cost, errorMessage, metadata]
    const fields = [
      compared('text', 'status', "r.metadata ->> 'status'", 2),
      compared('count', 'tokens', 'r.tokens_used', 3),
      compared('amount', 'cost', 'r.cost', 4),
      compared('text', 'errorMessage', 'r.error_message', 5),
      {
        name: 'tokens by class',
        stored: "(r.metadata -> 'tokens')::text",
        given: "($6::jsonb -> 'tokens')::text",
      },
    ]
    if (finish) fields.push(compared('json', 'result', 'r.tool_output', known.push(finish.result)))
    const what = `${finish ? 'the end' : 'the retry'} of step ${stepId}`
    if (await assertSame(run, what, ENTRY, fields, known)) return
    await assertOpen(run, end)
  }
  throw new WfstoreError('failed', `step ${stepId} could not be recorded in ${TRIES} tries`)
}

const ENTRY = '(select * from audit_logs where log_id = $1::uuid) as r'

/** Throws the reason why nothing was written. Without a reason, another try may succeed. */
async function assertOpen(
  run: Run,
  { executionId, stepId, attempt, finish }: AttemptEnd,
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
  const open = finish ? ['pending', 'running'] : ['pending', 'running', 'failed']
  if (!open.includes(state.status)) {
    refuse(`is already ${state.status}`, 'it was finished without the recorder')
  }
  if (!finish && state.executionStatus !== 'running') {
    refuse(
      `cannot be retried: its execution has finished (${state.executionStatus})`,
      'start another execution',
    )
  }
}

const namedTokens = ({ classes }: TokenCounts) =>
  Object.fromEntries(
    TOKEN_CLASSES.flatMap((name, place) => {
      const count = classes[place] ?? null
      return count === null ? [] : [[name, count]]
    }),
  )
