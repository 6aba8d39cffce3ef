import { given, type Sent } from '../../queries/table/fields.ts'
import {
  amountOf,
  checkOrder,
  oneOf,
  type Tokens,
  tokensOf,
  uuidOf,
} from '../../queries/table/validate.ts'
import type { NewStep } from '../../tables/steps.ts'
import type { TokenField } from '../../tables/tokens.ts'
import { uuidv7 } from '../../uuid.ts'
import type { EntryOptions } from '../recorder/entries.ts'
import { derivedId } from '../recorder/identity.ts'
import { billOf } from '../recorder/lookups.ts'
import type { FinishedStepStatus } from '../recorder/steps.ts'
import { GIVEN } from './statement.ts'

/** An audit entry. It gets the user and the model of its run. */
export interface BatchEntry extends EntryOptions {
  executionId: string
  /** Leave it out for an entry of the run itself. */
  stepId?: string
  /** The type of the action: 'tool_call', 'ai_decision', or another name. */
  action: string
}

/** The fields of a step that are computed. */
type Counted = TokenField | 'tokensUsed' | 'durationMs' | 'retryCount' | 'status'

/**
 * A finished step. With a stepId the call can be repeated from another process. Without an endTime the step ends when step()
 * is called, by the server's clock.
 */
export interface BatchStep extends Omit<NewStep, Counted> {
  status: FinishedStepStatus
  tokens?: Tokens | undefined
}

/** A row to write. */
export interface Content {
  kind: 'entry' | 'step'
  columns: Record<string, Sent>
  /** Two rows with the same id are never in one statement. */
  id: string
  /** The name of the row in messages. */
  label: string
  /** True if the caller gave the id. If wfstore made it, a row with this id in the database is this row. */
  named: boolean
}

export interface BatchRow extends Content {
  /** The approximate size in memory, in characters. */
  size: number
  /** The time of the call by performance.now(). */
  calledAt: number
  /** The time of the call by the server's clock, when that is known. */
  at: number | null
  /** Resolves when the row is committed, rejects if it cannot be written. */
  done: Promise<void>
  resolve: () => void
  reject: (reason: unknown) => void
}

/** The size of column names, quotes and the promise of a row. */
const ROW_OVERHEAD = 1000

export function makeRow(content: Content): BatchRow {
  let size = ROW_OVERHEAD
  for (const name in content.columns) {
    const value = content.columns[name]
    if (typeof value === 'string') size += value.length
  }
  let resolve = () => {}
  let reject: BatchRow['reject'] = () => {}
  const done = new Promise<void>((accept, refuse) => {
    resolve = accept
    reject = refuse
  })
  const { kind, columns, id, label, named } = content
  const calledAt = performance.now()
  return { kind, columns, id, label, named, size, calledAt, at: null, done, resolve, reject }
}

/**
 * The value to send for each column.
 * @param names the caller's names of fields, if they differ
 * @throws WfstoreError usage
 */
const columnsOf = (
  kind: Content['kind'],
  values: Record<string, unknown>,
  names: Record<string, string> = {},
): Record<string, Sent> =>
  Object.fromEntries(
    GIVEN[kind].map((field) => {
      const name = names[field.name] ?? field.name
      return [field.column, given(field, name, values[name])]
    }),
  )

const ENTRY_NAMES = {
  actionType: 'action',
  actionDetails: 'details',
  toolInput: 'input',
  toolOutput: 'output',
  tokensUsed: 'tokens',
}

/** @throws WfstoreError usage */
export function entryContent(entry: BatchEntry): Content {
  const { action, toolName, metadata = {}, tokens = 0, cost = 0, success } = entry
  const id = idOf('logId', entry.logId)
  const usual = typeof toolName === 'string' ? `Tool call: ${toolName}` : action
  const details = entry.details ?? usual
  const columns = columnsOf(
    'entry',
    { ...entry, logId: id, details, tokens, cost, success: success !== false, metadata },
    ENTRY_NAMES,
  )
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
  const { total, classes } = tokensOf(step.tokens)
  const columns = columnsOf('step', {
    ...step,
    stepId: idOf('stepId', step.stepId),
    status: oneOf('status', step.status, ['success', 'failed', 'skipped']),
    tokensUsed: total,
    cost: amountOf('cost', step.cost),
    ...classes,
  })
  const { execution_id: executionId, step_id: stepId, start_time: start, end_time: end } = columns
  checkOrder(start as string | null, end as string | null)
  const ids = [executionId as string, stepId as string] as const
  return {
    kind: 'step',
    columns: {
      ...columns,
      // The same ids as in the recorder, so that each finds the rows of the other.
      bill: billOf(ids[0]),
      entry: derivedId('step_end', ...ids, 0),
      correction: derivedId('correction', ...ids, 0),
    },
    id: ids.join(' '),
    label: `step ${stepId} of execution ${executionId}`,
    named: step.stepId !== undefined,
  }
}

const idOf = (name: string, id: string | undefined): string =>
  id === undefined ? uuidv7(Date.now()) : uuidOf(name, id)
