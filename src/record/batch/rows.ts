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
import { TOKEN_FIELDS, type TokenField } from '../../tables/tokens.ts'
import { uuidv7 } from '../../uuid.ts'
import type { EntryOptions } from '../recorder/entries.ts'
import { derivedId } from '../recorder/identity.ts'
import { billOf } from '../recorder/lookups.ts'
import type { FinishedStepStatus } from '../recorder/steps.ts'
import { GIVEN } from './statement.ts'

/** An entry of the audit. The user and the model are those of its run. */
export interface BatchEntry extends EntryOptions {
  executionId: string
  /** Left out for an entry of the run itself. */
  stepId?: string
  /** What happened: 'tool_call', 'ai_decision', or a word of the engine's own. */
  action: string
}

/** What of a step follows from the call. */
type Counted = TokenField | 'tokensUsed' | 'durationMs' | 'retryCount' | 'status'

/**
 * A finished step, recorded as a whole. Give a stepId, and the call can be repeated from another process. The step ends
 * when step() is called if no endTime is given, by the server's clock.
 */
export interface BatchStep extends Omit<NewStep, Counted> {
  status: FinishedStepStatus
  tokens?: Tokens | undefined
}

/** What is to be written, by column. */
export interface Content {
  kind: 'entry' | 'step'
  columns: Record<string, Sent>
  /** No two rows with one id go in one statement. */
  id: string
  /** What it is to people. */
  label: string
  /** Whether the id is the caller's. One of our own stands in the database only if this very row does. */
  named: boolean
}

export interface BatchRow extends Content {
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
 * What is sent for each column.
 * @param names by which the caller gives a field, where it is not the field's own
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
    ...Object.fromEntries(TOKEN_FIELDS.map((field, place) => [field, classes[place]])),
  })
  const { execution_id: executionId, step_id: stepId, start_time: start, end_time: end } = columns
  checkOrder(start as string | null, end as string | null)
  const ids = [executionId as string, stepId as string] as const
  return {
    kind: 'step',
    columns: {
      ...columns,
      // As the recorder names them, so that each knows what the other has written.
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
