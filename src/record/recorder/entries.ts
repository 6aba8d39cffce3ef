import * as d from '../../db/query/decode.ts'
import type { Run } from '../../db/query/query.ts'
import { send } from '../../db/query/send.ts'
import { assertSame, compared } from '../../queries/table/compare.ts'
import { amountOf, countOf, jsonOf, optionalText, uuidOf } from '../../queries/table/validate.ts'
import { uuidv7 } from '../../uuid.ts'
import { missingExecution } from './lookups.ts'
import { ADD_ENTRY } from './statements.ts'

/** An audit entry: a tool call or a decision. */
export interface EntryOptions {
  /** One line that a person reads. */
  details?: string
  toolName?: string
  input?: unknown
  output?: unknown
  /** (default: true) */
  success?: boolean
  errorMessage?: string
  /** Tokens and cost of this action. They are part of the step's tokens and cost, and are not added to them. */
  tokens?: number
  cost?: string | number
  metadata?: unknown
  /** A UUID (default: a new UUIDv7). */
  logId?: string
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
  const logId = entry.logId === undefined ? uuidv7(Date.now()) : uuidOf('logId', entry.logId)
  const toolName = optionalText('toolName', entry.toolName)
  const usual = toolName === null ? 'Decision' : `Tool call: ${toolName}`
  const values = [
    logId,
    executionId,
    stepId,
    action,
    optionalText('details', entry.details) ?? usual,
    toolName,
    jsonOf('input', entry.input),
    jsonOf('output', entry.output),
    countOf('tokens', entry.tokens) ?? 0,
    amountOf('cost', entry.cost),
    entry.success !== false,
    optionalText('errorMessage', entry.errorMessage),
    jsonOf('metadata', entry.metadata),
  ]
  const done = await send(run, ADD_ENTRY, values, { status: d.text() })
  if (done.length > 0) return logId
  const fields = [
    compared('uuid', 'executionId', 'r.execution_id', 2),
    compared('uuid', 'stepId', 'r.step_id', 3),
    compared('text', 'action', 'r.action_type', 4),
    compared('text', 'details', 'r.action_details', 5),
    compared('text', 'toolName', 'r.tool_name', 6),
    compared('json', 'input', 'r.tool_input', 7),
    compared('json', 'output', 'r.tool_output', 8),
    compared('count', 'tokens', 'r.tokens_used', 9),
    compared('amount', 'cost', 'r.cost', 10),
    compared('boolean', 'success', 'r.success', 11),
    compared('text', 'errorMessage', 'r.error_message', 12),
    compared('json', 'metadata', 'r.metadata', 13),
  ]
  const known = [...values.slice(0, -1), values.at(-1) ?? '{}']
  const same = await assertSame(run, `audit entry ${logId}`, ENTRY, fields, known)
  if (!same) throw missingExecution(executionId)
  return logId
}

const ENTRY = '(select * from audit_logs where log_id = $1::uuid) as r'
