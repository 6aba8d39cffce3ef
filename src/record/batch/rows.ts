import { WfstoreError } from '../../error.ts'
import {
  amountOf,
  checkOrder,
  countOf,
  integerOf,
  jsonOf,
  oneOf,
  optionalText,
  requiredText,
  type Tokens,
  timeOf,
  tokensOf,
  uuidOf,
} from '../../queries/table/validate.ts'
import { uuidv7 } from '../../uuid.ts'
import type { EntryOptions } from '../recorder/entries.ts'
import { derivedId } from '../recorder/identity.ts'
import { billOf } from '../recorder/lookups.ts'
import type { FinishedStepStatus } from '../recorder/steps.ts'

/** An entry of the audit. The user and the model are those of its run. */
export interface BatchEntry extends EntryOptions {
  executionId: string
  /** None for an entry of the run itself. */
  stepId?: string
  /** What happened: 'tool_call', 'ai_decision', or a word of the engine's own. */
  action: string
}

/** A step that is over, recorded as a whole. */
export interface BatchStep {
  executionId: string
  /** A UUID; a new UUIDv7 unless given. Give one, and the call can be repeated from another process. */
  stepId?: string
  stepNumber: number
  stepName: string
  stepDescription?: string
  toolName?: string
  toolParameters?: unknown
  status: FinishedStepStatus
  tokens?: Tokens
  /** US dollars: a decimal string, or a number that is taken to 12 places. */
  cost?: string | number
  startTime?: Date | string
  /** When step() was called, by the server's clock, unless given. */
  endTime?: Date | string
  result?: unknown
  errorMessage?: string
}

type Value = string | number | boolean | null

/** What is to be written, by column. */
export interface Content {
  kind: 'entry' | 'step'
  columns: Record<string, Value>
  /** No two rows with one id go in one statement. */
  id: string
  /** What it is to people. */
  label: string
  /** Whether the id is the caller's. One of our own stands in the database only if this very row does. */
  named: boolean
}

export interface Row extends Content {
  /** About what it takes of the memory, in characters. */
  size: number
  /** The moment of the call, on this process's monotonic clock, in milliseconds. */
  calledAt: number
  /** The same by the server's clock, once it is known. */
  at: number | null
  /** Settled once the row is committed, or cannot be. */
  done: Promise<void>
  resolve: () => void
  reject: (reason: unknown) => void
}

/** Names of columns, quotes and the promise of a row. */
const ROW_OVERHEAD = 1000

export function makeRow(content: Content): Row {
  let size = ROW_OVERHEAD
  for (const name in content.columns) {
    const value = content.columns[name]
    if (typeof value === 'string') size += value.length
  }
  let resolve = () => {}
  let reject: Row['reject'] = () => {}
  const done = new Promise<void>((accept, refuse) => {
    resolve = accept
    reject = refuse
  })
  const { kind, columns, id, label, named } = content
  const calledAt = performance.now()
  return { kind, columns, id, label, named, size, calledAt, at: null, done, resolve, reject }
}

/** @throws WfstoreError usage */
export function entryContent(entry: BatchEntry): Content {
  const action = requiredText('action', entry.action)
  const toolName = optionalText('toolName', entry.toolName)
  const usual = toolName === null ? action : `Tool call: ${toolName}`
  const id = idOf('logId', entry.logId)
  const columns = {
    log_id: id,
    execution_id: uuidOf('executionId', entry.executionId),
    step_id: entry.stepId === undefined ? null : uuidOf('stepId', entry.stepId),
    action_type: action,
    action_details: optionalText('details', entry.details) ?? usual,
    tool_name: toolName,
    tool_input: jsonOf('input', entry.input),
    tool_output: jsonOf('output', entry.output),
    tokens_used: countOf('tokens', entry.tokens) ?? 0,
    cost: amountOf('cost', entry.cost),
    success: entry.success !== false,
    error_message: optionalText('errorMessage', entry.errorMessage),
    metadata: jsonOf('metadata', entry.metadata) ?? '{}',
  }
  return {
    kind: 'entry',
    columns,
    id,
    label: `audit entry ${id}`,
    named: entry.logId !== undefined,
  }
}

/** @throws WfstoreError usage */
export function stepContent(step: BatchStep): Content {
  const executionId = uuidOf('executionId', step.executionId)
  const stepId = idOf('stepId', step.stepId)
  const { total, classes } = tokensOf(step.tokens)
  const [input, output, cacheRead, cacheWrite, reasoning] = classes.map((count) => count ?? null)
  const startTime = timeOf('startTime', step.startTime)
  const endTime = timeOf('endTime', step.endTime)
  checkOrder(startTime, endTime)
  const columns = {
    execution_id: executionId,
    step_id: stepId,
    // As the recorder names them, so that either knows what the other has written.
    bill: billOf(executionId),
    entry: derivedId('step_end', executionId, stepId, 0),
    correction: derivedId('correction', executionId, stepId, 0),
    step_number: requiredInteger('stepNumber', step.stepNumber),
    step_name: requiredText('stepName', step.stepName),
    step_description: optionalText('stepDescription', step.stepDescription),
    tool_name: optionalText('toolName', step.toolName),
    tool_parameters: jsonOf('toolParameters', step.toolParameters),
    status: oneOf('status', step.status, ['success', 'failed', 'skipped']),
    start_time: startTime,
    end_time: endTime,
    tokens_used: total,
    cost: amountOf('cost', step.cost),
    tokens_input: input ?? null,
    tokens_output: output ?? null,
    tokens_cache_read: cacheRead ?? null,
    tokens_cache_write: cacheWrite ?? null,
    tokens_reasoning: reasoning ?? null,
    result: jsonOf('result', step.result),
    error_message: optionalText('errorMessage', step.errorMessage),
  }
  const id = `${executionId} ${stepId}`
  const label = `step ${stepId} of execution ${executionId}`
  return { kind: 'step', columns, id, label, named: step.stepId !== undefined }
}

const idOf = (name: string, id: string | undefined): string =>
  id === undefined ? uuidv7(Date.now()) : uuidOf(name, id)

function requiredInteger(name: string, value: number): number {
  const integer = integerOf(name, value)
  if (integer === null) throw new WfstoreError('usage', `${name} is missing`)
  return integer
}
