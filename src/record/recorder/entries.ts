import * as d from '../../db/query/decode.ts'
import type { Run } from '../../db/query/query.ts'
import { send } from '../../db/query/send.ts'
import { checkNames, type Names } from '../../options.ts'
import { assertSame, compared } from '../../queries/table/compare.ts'
import {
  amountOf,
  countOf,
  jsonOf,
  objectOf,
  optionalKeyText,
  optionalText,
  uuidOf,
} from '../../queries/table/validate.ts'
import { uuidv7 } from '../../uuid.ts'
import { entryOf, missingExecution } from './lookups.ts'
import { ADD_ENTRY } from './statements.ts'

/** An audit entry: a tool call or a decision. */
export interface EntryOptions {
  /** One line that a person reads. */
  details?: string | undefined
  toolName?: string | undefined
  /** Any JSON value. */
  input?: unknown
  /** Any JSON value. */
  output?: unknown
  /** (default: true) */
  success?: boolean | undefined
  errorMessage?: string | undefined
  /** Tokens of this action. They are part of the step's tokens, and are not added to them. */
  tokens?: number | undefined
  /** US dollars of this action. They are part of the step's cost, and are not added to it. */
  cost?: string | number | undefined
  /** An object of your own data, written as JSON (default: {}). */
  metadata?: object | undefined
  /** A UUID (default: a new UUIDv7). With your own id the call can be repeated. */
  logId?: string | undefined
}

export const ENTRY_OPTIONS: Names<EntryOptions> = {
  details: true,
  toolName: true,
  input: true,
  output: true,
  success: true,
  errorMessage: true,
  tokens: true,
  cost: true,
  metadata: true,
  logId: true,
}

export type EntryAction = 'tool_call' | 'ai_decision'

/** @returns the id of the entry @throws WfstoreError not_found (the run), conflict, usage */
export async function recordEntry(
  run: Run,
  action: EntryAction,
  executionId: string,
  stepId: string | null,
  entry: EntryOptions,
): Promise<string> {
  checkNames(action === 'tool_call' ? 'toolCall' : 'decision', entry, ENTRY_OPTIONS)
  const logId = entry.logId === undefined ? uuidv7(Date.now()) : uuidOf('logId', entry.logId)
  const toolName = optionalKeyText('toolName', entry.toolName)
  const usual = toolName === null ? 'Decision' : `Tool call: ${toolName}`
  const values = {
    logId,
    executionId,
    stepId,
    action,
    details: optionalText('details', entry.details) ?? usual,
    toolName,
    input: jsonOf('input', entry.input),
    output: jsonOf('output', entry.output),
    tokens: countOf('tokens', entry.tokens) ?? 0,
    cost: amountOf('cost', entry.cost),
    success: entry.success !== false,
    errorMessage: optionalText('errorMessage', entry.errorMessage),
    metadata: objectOf('metadata', entry.metadata),
  }
  const done = await send(run, ADD_ENTRY(values), { status: d.text() })
  if (done.length > 0) return logId
  const fields = [
    compared('uuid', 'executionId', 'r.execution_id', values.executionId),
    compared('uuid', 'stepId', 'r.step_id', values.stepId),
    compared('text', 'action', 'r.action_type', values.action),
    compared('text', 'details', 'r.action_details', values.details),
    compared('text', 'toolName', 'r.tool_name', values.toolName),
    compared('json', 'input', 'r.tool_input', values.input),
    compared('json', 'output', 'r.tool_output', values.output),
    compared('count', 'tokens', 'r.tokens_used', values.tokens),
    compared('amount', 'cost', 'r.cost', values.cost),
    compared('boolean', 'success', 'r.success', values.success),
    compared('text', 'errorMessage', 'r.error_message', values.errorMessage),
    compared('json', 'metadata', 'r.metadata', values.metadata ?? '{}'),
  ]
  const same = await assertSame(run, `audit entry ${logId}`, entryOf(logId), fields)
  if (!same) throw missingExecution(executionId)
  return logId
}
