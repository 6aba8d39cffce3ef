import * as d from '../../db/query/decode.ts'
import type { Run } from '../../db/query/query.ts'
import { WfstoreError } from '../../error.ts'
import {
  anything,
  count,
  integer,
  type Kind,
  money,
  name,
  optional,
  status,
  time,
  uuid,
  words,
} from '../table/fields.ts'
import { equals, oneOfStatuses, whereOf } from '../table/filter.ts'
import { type List, type Page, type PageOptions, page } from '../table/page.ts'
import { deleteRow, getRow, insertRow, type Rows, type Table, updateRow } from '../table/rows.ts'
import { uuidOf } from '../table/validate.ts'

/** A step of a run. A token class that nobody reported is null; tokensUsed is what was paid for. */
export const stepShape = {
  executionId: d.uuid(),
  stepId: d.uuid(),
  stepNumber: d.count(),
  stepName: d.text(),
  stepDescription: d.nullable(d.text()),
  toolName: d.nullable(d.text()),
  toolParameters: d.nullable(d.json()),
  status: d.text(),
  startTime: d.nullable(d.time()),
  endTime: d.nullable(d.time()),
  durationMs: d.nullable(d.count()),
  retryCount: d.count(),
  cost: d.amount(),
  tokensUsed: d.count(),
  tokensInput: d.nullable(d.count()),
  tokensOutput: d.nullable(d.count()),
  tokensCacheRead: d.nullable(d.count()),
  tokensCacheWrite: d.nullable(d.count()),
  tokensReasoning: d.nullable(d.count()),
  result: d.nullable(d.json()),
  errorMessage: d.nullable(d.text()),
  createdAt: d.nullable(d.time()),
  updatedAt: d.nullable(d.time()),
}
export type Step = d.RowOf<typeof stepShape>

export const STEP_STATUSES = ['pending', 'running', 'success', 'failed', 'skipped'] as const
export type StepStatus = (typeof STEP_STATUSES)[number]

export interface StepPatch {
  stepNumber?: number | undefined
  stepName?: string | undefined
  stepDescription?: string | null | undefined
  toolName?: string | null | undefined
  /** Any value that JSON has. */
  toolParameters?: unknown
  status?: StepStatus | undefined
  startTime?: Date | string | null | undefined
  /** Not before the start. */
  endTime?: Date | string | null | undefined
  /** Milliseconds, a whole number. */
  durationMs?: number | null | undefined
  retryCount?: number | undefined
  /** US dollars, 0 or more. */
  cost?: string | number | undefined
  /** What was paid for. */
  tokensUsed?: number | undefined
  /** A class of tokens that was not reported is null. */
  tokensInput?: number | null | undefined
  tokensOutput?: number | null | undefined
  tokensCacheRead?: number | null | undefined
  tokensCacheWrite?: number | null | undefined
  tokensReasoning?: number | null | undefined
  /** Any value that JSON has. */
  result?: unknown
  errorMessage?: string | null | undefined
}

/**
 * A step as a row: its run's totals are not touched, which is what the recorder is for. What is left out has the
 * table's default: status 'pending', counts and cost 0, all else null.
 */
export interface NewStep extends StepPatch {
  executionId: string
  stepNumber: number
  stepName: string
  /** A UUID; a new UUIDv7 unless given. */
  stepId?: string | undefined
}

/** A step is named by its own id where no two runs have it, and by both ids always. */
export type StepKey = string | { executionId: string; stepId: string }

export interface StepFilter {
  executionId: string
  /** Any of these. */
  status?: readonly StepStatus[] | undefined
  toolName?: string | undefined
}

const TABLE: Table<typeof stepShape> = {
  name: 'workflow_steps',
  alias: 's',
  noun: 'step',
  shape: stepShape,
  key: ['executionId', 'stepId'],
  required: ['stepNumber', 'stepName'],
  fields: {
    executionId: uuid,
    stepId: uuid,
    stepNumber: integer,
    stepName: name,
    stepDescription: optional(words),
    toolName: optional(words),
    toolParameters: optional(anything),
    status: status(STEP_STATUSES),
    startTime: optional(time),
    endTime: optional(time),
    durationMs: optional(count),
    retryCount: integer,
    cost: money,
    tokensUsed: count,
    tokensInput: optional(count),
    tokensOutput: optional(count),
    tokensCacheRead: optional(count),
    tokensCacheWrite: optional(count),
    tokensReasoning: optional(count),
    result: optional(anything),
    errorMessage: optional(words),
  } satisfies Record<keyof NewStep, Kind>,
}

/** The steps of one run in their order; those of the same number by id. */
const STEPS: List<typeof stepShape, StepFilter> = {
  name: 'steps',
  table: TABLE.name,
  alias: TABLE.alias,
  shape: stepShape,
  key: 'stepNumber',
  keyType: 'integer',
  id: 'stepId',
  order: 'asc',
  where: (filter) => {
    if (filter.executionId === undefined) throw new WfstoreError('usage', 'executionId is missing')
    return whereOf(CRITERIA, filter)
  },
}

const CRITERIA = {
  executionId: equals('s.execution_id', uuid),
  status: oneOfStatuses('s.status', status(STEP_STATUSES)),
  toolName: equals('s.tool_name', name),
}

export type Steps = Omit<Rows<Step, NewStep, StepPatch, StepFilter, StepKey>, 'list'> & {
  /** The steps of one run, by stepNumber, then stepId. @throws WfstoreError usage without an executionId */
  list: (options: StepFilter & PageOptions) => Promise<Page<Step>>
}

export const stepRows = (read: Run, write: Run): Steps => ({
  create: (step) => createStep(write, step),
  get: async (key) => getRow(read, TABLE, await bothIds(read, key)),
  list: (options) => page(read, STEPS, options),
  update: async (key, patch) => updateRow(write, TABLE, await bothIds(read, key), patch),
  delete: async (key) => deleteRow(write, TABLE, await bothIds(read, key)),
})

/** @throws WfstoreError usage, conflict, not_found where there is no such run */
async function createStep(run: Run, step: NewStep): Promise<Step> {
  try {
    return await insertRow(run, TABLE, step)
  } catch (error) {
    if (!isWithoutRun(error)) throw error
    throw new WfstoreError('not_found', `there is no execution ${step.executionId}`, {
      hint: 'a step belongs to a run: create that first',
      cause: error,
    })
  }
}

/** SQLSTATE 23503, foreign_key_violation. */
const isWithoutRun = (error: unknown): boolean =>
  error instanceof WfstoreError && (error.cause as { code?: unknown } | undefined)?.code === '23503'

/** @throws WfstoreError usage where several runs have a step of this id, not_found */
async function bothIds(run: Run, key: StepKey): Promise<{ executionId: string; stepId: string }> {
  if (typeof key === 'object') return key
  const stepId = uuidOf('stepId', key)
  const found = await run(
    'select execution_id from workflow_steps where step_id = $1::uuid limit 2',
    [stepId],
    { executionId: d.uuid() },
  )
  const [only] = found
  if (!only) {
    throw new WfstoreError('not_found', `there is no step ${stepId}`, {
      hint: 'it may have been deleted or cleaned up',
    })
  }
  if (found.length > 1) {
    throw new WfstoreError('usage', `several executions have a step ${stepId}`, {
      hint: 'name it as { executionId, stepId }',
    })
  }
  return { ...only, stepId }
}
