import { hash } from 'node:crypto'
import type { Tokens } from '../../../queries/table/validate.ts'
import { isTooLong, LONGEST_NAME } from '../../../tables/column.ts'
import { TOKEN_CLASSES, TOKEN_COLUMNS } from '../../../tables/tokens.ts'
import { derivedId } from '../../recorder/identity.ts'
import type { Mapping, TracedRun, TracedStep } from '../types.ts'
import { executionIdOf, isTraceId, stepIdOf } from './ids.ts'

/** A traced run as the rows of its execution and its steps, with the names of the columns. They are sent as JSON. */

/** What a run is called, or who it belongs to, if no span says it. */
export type Defaults = Pick<Mapping, 'defaultUser' | 'defaultMode'>

export const UNKNOWN = 'unknown'

export function executionRow(executionId: string, run: TracedRun, defaults: Defaults) {
  const { parentTraceId } = run
  const parent = parentTraceId && isTraceId(parentTraceId) ? executionIdOf(parentTraceId) : null
  return {
    execution_id: executionId,
    workflow_name: nameOf(run.workflowName) ?? UNKNOWN,
    user_id: nameOf(run.userId) ?? defaults.defaultUser,
    mode: nameOf(run.mode) ?? defaults.defaultMode,
    model_id: nameOf(run.modelId) ?? UNKNOWN,
    session_id: nameOf(run.sessionId),
    tags: tagsOf(run.tags),
    parent_execution_id: parent === executionId ? null : parent,
    start_time: run.start,
  }
}

const MOST_TAGS = 20

const tagsOf = (tags: Readonly<Record<string, string>>): Record<string, string> =>
  Object.fromEntries(
    Object.entries(tags)
      .flatMap(([tag, value]) => {
        const [name, text] = [nameOf(tag), nameOf(value)]
        return name && text ? [[name, text] as const] : []
      })
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .slice(0, MOST_TAGS),
  )

export function stepRow(executionId: string, step: TracedStep, number: number) {
  const { usage, content } = step
  const counts = TOKEN_CLASSES.map((name) => usage?.[name] ?? null)
  const columns = {
    execution_id: executionId,
    step_id: stepIdOf(executionId, step.spanId),
    step_number: number,
    step_name: nameOf(step.name) ?? step.kind,
    step_description: step.agentName === null ? null : `agent ${step.agentName}`,
    tool_name: nameOf(step.toolName),
    tool_parameters: content?.parameters ?? null,
    result: content?.result ?? null,
    status: step.status,
    error_message: step.errorMessage,
    start_time: step.start,
    // The clock of a machine can be set back while a span runs.
    end_time: [step.start, step.end].sort().at(-1) as string,
    retry_count: step.attempt,
    tokens_used: counts.reduce<number>((sum, count) => sum + (count ?? 0), 0),
    ...Object.fromEntries(TOKEN_COLUMNS.map((column, place) => [column, counts[place] ?? null])),
    provider: nameOf(step.provider),
    model_id: nameOf(step.modelId),
    cost: step.cost,
  }
  const tokens = Object.fromEntries(
    TOKEN_CLASSES.flatMap((name, place) => (counts[place] === null ? [] : [[name, counts[place]]])),
  ) as Tokens
  return { ...columns, tokens, step_hash: hash('sha256', JSON.stringify(columns)).slice(0, 16) }
}
export type StepRow = ReturnType<typeof stepRow>

/** The audit entries of a step: its end, and the call of its tool. */
export function entryRows(traceId: string, step: TracedStep, row: StepRow) {
  const { execution_id, step_id } = row
  const metadata = {
    spanId: step.spanId,
    traceId,
    ...(step.agentName === null ? {} : { agent: step.agentName }),
    attempt: step.attempt,
    ...(step.content === null ? { content: 'left out' } : {}),
  }
  const entry = (action_type: 'step_end' | 'tool_call', log_id: string) => ({
    execution_id,
    step_id,
    action_type,
    log_id,
    metadata,
  })
  const end = entry('step_end', derivedId('step_end', execution_id, step_id, 0))
  if (step.kind !== 'tool') return [end]
  return [end, entry('tool_call', derivedId('tool_call', execution_id, step_id))]
}

/** A text that is not empty and short enough for an index, or else null. */
function nameOf(text: string | null): string | null {
  if (text === null || text === '') return null
  if (!isTooLong(text)) return text
  // Half of a character at the end becomes U+FFFD, of three bytes.
  return Buffer.from(text)
    .subarray(0, LONGEST_NAME - 3)
    .toString()
}
