import { checkNames, type Names } from '../../options.ts'
import { given, type Sent } from '../../queries/table/fields.ts'
import {
  amountOf,
  checkOrder,
  countOf,
  nameOf,
  objectOf,
  oneOf,
  type Tokens,
  textOf,
  tokensOf,
  uuidOf,
} from '../../queries/table/validate.ts'
import type { NewStep } from '../../tables/steps.ts'
import { TOKEN_FIELDS, type TokenField } from '../../tables/tokens.ts'
import { uuidv7 } from '../../uuid.ts'
import { ENTRY_OPTIONS, type EntryOptions } from '../recorder/entries.ts'
import { derivedId } from '../recorder/identity.ts'
import { billOf } from '../recorder/lookups.ts'
import type { FinishedStepStatus } from '../recorder/steps.ts'
import { GIVEN } from './statement.ts'

/** An audit entry. It gets the model of its run. */
export interface BatchEntry extends EntryOptions {
  executionId: string
  /** Leave it out for an entry of the run itself. */
  stepId?: string | undefined
  /** The user who acted (default: the user of the run). */
  userId?: string | undefined
  /** The type of the action: 'tool_call', 'ai_decision', or another name. */
  action: string
}

const NAMES_OF_AN_ENTRY: Names<BatchEntry> = {
  ...ENTRY_OPTIONS,
  executionId: true,
  stepId: true,
  userId: true,
  action: true,
}

/** The fields of a step that are computed. */
type Counted = TokenField | 'tokensUsed' | 'durationMs' | 'retryCount' | 'status'

/**
 * A finished step. With a stepId the call can be repeated from another process. Without an endTime the step ends when step()
 * is called, by the server's clock. Without a cost it costs what the price book gives for its tokens.
 */
export interface BatchStep extends Omit<NewStep, Counted> {
  status: FinishedStepStatus
  tokens?: Tokens | undefined
}

const NAMES_OF_A_STEP = Object.fromEntries(
  [...GIVEN.step.map(({ name }) => name), 'tokens']
    .filter((name) => name !== 'tokensUsed' && !(TOKEN_FIELDS as string[]).includes(name))
    .map((name) => [name, true]),
)

/** A row to write. */
export interface Content {
  kind: 'entry' | 'step'
  executionId: string
  /** The values of GIVEN[kind], in its order. An array is much cheaper than an object with 20 computed names. */
  values: readonly Sent[]
  /** The id of a step. */
  stepId?: string
  /** Two rows with the same id are never in one statement. */
  id: string
  /** True if the caller gave the id. If wfstore made it, a row with this id in the database is this row. */
  named: boolean
}

/** The name of the row in messages. */
export const labelOf = ({ stepId, executionId, id }: Content): string =>
  stepId === undefined ? `audit entry ${id}` : `step ${stepId} of execution ${executionId}`

/** Further ids that a step is written with, the same as in the recorder, so that each finds the rows of the other. */
export const IDS: Record<string, (row: Content) => string> = {
  bill: ({ executionId }) => billOf(executionId),
  entry: ({ executionId, stepId = '' }) => derivedId('step_end', executionId, stepId, 0),
  correction: ({ executionId, stepId = '' }) => derivedId('correction', executionId, stepId, 0),
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
  for (const value of content.values) if (typeof value === 'string') size += value.length
  let resolve = () => {}
  let reject: BatchRow['reject'] = () => {}
  const done = new Promise<void>((accept, refuse) => {
    resolve = accept
    reject = refuse
  })
  const calledAt = performance.now()
  return Object.assign(content, { size, calledAt, at: null, done, resolve, reject })
}

/** The names of an entry's fields, if they differ from the names of the columns. */
const ENTRY_NAMES: Record<string, string> = {
  actionType: 'action',
  actionDetails: 'details',
  toolInput: 'input',
  toolOutput: 'output',
  tokensUsed: 'tokens',
}

/** The fields whose values are made from several values of the caller, or have a default here. */
const MADE = {
  step: ['executionId', 'stepId', 'status', 'tokensUsed', 'cost', ...TOKEN_FIELDS],
  entry: ['executionId', 'logId', 'action', 'details', 'tokens', 'cost', 'success', 'metadata'],
}

const fieldsOf = (kind: Content['kind'], names: Record<string, string>) =>
  GIVEN[kind].map((field) => {
    const name = names[field.name] ?? field.name
    return { field, name, isMade: MADE[kind].includes(name) }
  })

const FIELDS = { step: fieldsOf('step', {}), entry: fieldsOf('entry', ENTRY_NAMES) }

/**
 * The values to send.
 * @param made values of the fields in MADE
 * @throws WfstoreError usage
 */
const valuesOf = (kind: Content['kind'], row: object, made: Record<string, Sent>): Sent[] =>
  FIELDS[kind].map(({ field, name, isMade }) =>
    isMade ? (made[name] ?? null) : given(field, name, (row as Record<string, unknown>)[name]),
  )

const placeOf = (name: string): number => GIVEN.step.findIndex((field) => field.name === name)
const START = placeOf('startTime')
const END = placeOf('endTime')

/** @throws WfstoreError usage */
export function entryContent(entry: BatchEntry): Content {
  checkNames('batch.audit', entry, NAMES_OF_AN_ENTRY)
  const { toolName, metadata = {} } = entry
  const executionId = uuidOf('executionId', entry.executionId)
  const logId = idOf('logId', entry.logId)
  const action = nameOf('action', entry.action)
  const usual = typeof toolName === 'string' ? `Tool call: ${toolName}` : action
  const values = valuesOf('entry', entry, {
    executionId,
    logId,
    action,
    details: textOf('details', entry.details ?? usual),
    tokens: countOf('tokens', entry.tokens) ?? 0,
    cost: amountOf('cost', entry.cost),
    success: entry.success !== false,
    metadata: objectOf('metadata', metadata),
  })
  return {
    kind: 'entry',
    executionId,
    values,
    id: logId,
    named: entry.logId !== undefined,
  }
}

/** @throws WfstoreError usage */
export function stepContent(step: BatchStep): Content {
  checkNames('batch.step', step, NAMES_OF_A_STEP)
  const executionId = uuidOf('executionId', step.executionId)
  const stepId = idOf('stepId', step.stepId)
  const { total, classes } = tokensOf(step.tokens)
  const status = oneOf('status', step.status, ['success', 'failed', 'skipped'])
  const cost = step.cost === undefined ? null : amountOf('cost', step.cost)
  const made = Object.assign(classes, { executionId, stepId, status, cost, tokensUsed: total })
  const values = valuesOf('step', step, made)
  checkOrder(values[START] as string | null, values[END] as string | null)
  return {
    kind: 'step',
    executionId,
    values,
    stepId,
    id: `${executionId} ${stepId}`,
    named: step.stepId !== undefined,
  }
}

const idOf = (name: string, id: string | undefined): string =>
  id === undefined ? uuidv7(Date.now()) : uuidOf(name, id)
