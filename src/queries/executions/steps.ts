import * as d from '../../db/query/decode.ts'
import type { Run } from '../../db/query/query.ts'
import { sql } from '../../db/query/sql.ts'
import { WfstoreError } from '../../error.ts'
import { checkNames } from '../../options.ts'
import { name, uuid } from '../../tables/column.ts'
import { type NewStep, type StepPatch, type StepStatus, steps } from '../../tables/steps.ts'
import { conditionsOf, equals, type OneOrMore } from '../table/filter.ts'
import { type List, type ListOptions, type Page, page } from '../table/page.ts'
import { deleteRow, getRow, insertRow, type Rows, updateRow } from '../table/rows.ts'
import { uuidOf } from '../table/validate.ts'

export const stepShape: d.ShapeOf<typeof steps.columns> = {
  ...d.shapeOf(steps.columns),
  // A step of an old store may end before it starts, by the clocks of two machines. It took no time.
  durationMs: d.nullable(d.total('case when s.duration_ms < 0 then 0 else s.duration_ms end')),
}
/** A step of a run. A token class that was not reported is null; tokensUsed is the number of billed tokens. */
export type Step = d.RowOf<typeof stepShape>

/** The id of a step if no other run has a step with this id, or both ids. */
export type StepKey = string | { executionId: string; stepId: string }

export interface StepFilter {
  executionId: string
  status?: OneOrMore<StepStatus> | undefined
  toolName?: OneOrMore | undefined
}

const SOURCE = { table: steps, shape: stepShape }

/** The steps of one run in order; steps with the same number by id. */
const STEPS: List<typeof stepShape, StepFilter> = {
  name: 'steps',
  table: steps.name,
  alias: steps.alias,
  shape: stepShape,
  key: 'stepNumber',
  keyType: 'integer',
  id: 'stepId',
  order: 'asc',
  where: (filter) => {
    if (filter.executionId === undefined) throw new WfstoreError('usage', 'executionId is missing')
    if (typeof filter.executionId !== 'string')
      throw new WfstoreError('usage', 'executionId is not a text: the steps are of one run')
    return conditionsOf(CRITERIA, filter)
  },
}

const CRITERIA = {
  executionId: equals('s.execution_id', uuid),
  status: equals('s.status', steps.columns.status),
  toolName: equals('s.tool_name', name),
}

export type Steps = Omit<Rows<Step, NewStep, StepPatch, StepFilter, StepKey>, 'list'> & {
  /** The steps of one run, by stepNumber, then stepId. @throws WfstoreError usage without an executionId */
  list: (options: StepFilter & ListOptions<Step>) => Promise<Page<Step>>
}

export const stepRows = (read: Run, write: Run): Steps => ({
  create: (step) => createStep(write, step),
  get: async (key) => getRow(read, SOURCE, await bothIds(read, key)),
  list: (options) => page(read, STEPS, options),
  update: async (key, patch) => updateRow(write, SOURCE, await bothIds(read, key), patch),
  delete: async (key) => deleteRow(write, steps, await bothIds(read, key)),
})

/** @throws WfstoreError usage, conflict, not_found if the run does not exist */
async function createStep(run: Run, step: NewStep): Promise<Step> {
  try {
    return await insertRow(run, SOURCE, step)
  } catch (error) {
    if (!isWithoutRun(error)) throw error
    throw new WfstoreError('not_found', `execution ${step.executionId} does not exist`, {
      hint: 'create the execution before its steps',
      cause: error,
    })
  }
}

/** SQLSTATE 23503, foreign_key_violation. */
const isWithoutRun = (error: unknown): boolean =>
  error instanceof WfstoreError && error.sqlState === '23503'

/** @throws WfstoreError usage if several runs have a step with this id, not_found */
async function bothIds(run: Run, key: StepKey): Promise<{ executionId: string; stepId: string }> {
  if (typeof key === 'object') {
    checkNames('the key of a step', key, { executionId: true, stepId: true })
    return key
  }
  const stepId = uuidOf('stepId', key)
  const found = await run(
    sql`select execution_id from workflow_steps where step_id = ${stepId}::uuid limit 2`,
    { executionId: d.uuid() },
  )
  const [only] = found
  if (!only) {
    throw new WfstoreError('not_found', `step ${stepId} does not exist`, {
      hint: 'it may have been deleted, or removed by a cleanup',
    })
  }
  if (found.length > 1) {
    throw new WfstoreError('usage', `several executions have a step ${stepId}`, {
      hint: 'use { executionId, stepId }',
    })
  }
  return { ...only, stepId }
}
