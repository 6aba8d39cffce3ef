import * as d from '../../db/query/decode.ts'
import type { Run } from '../../db/query/query.ts'
import { raw, sql } from '../../db/query/sql.ts'
import { longText, shortJson } from './limited.ts'
import { stepShape } from './steps.ts'

const { createdAt: _, updatedAt: __, costLines: ___, executionId: ____, ...own } = stepShape
const dataShape = {
  ...own,
  stepDescription: d.nullable(longText('s.step_description')),
  errorMessage: d.nullable(longText('s.error_message')),
  /** As text on several lines; '' if it is too large to show. The same holds for the result. */
  toolParameters: shortJson('s.tool_parameters'),
  result: shortJson('s.result'),
}
/** A step with the beginning of its texts and its data. */
export type StepData = d.RowOf<typeof dataShape>

/** These steps of a run, in any order. */
export const stepData = (
  run: Run,
  executionId: string,
  stepIds: readonly string[],
): Promise<StepData[]> =>
  run(
    sql`select ${raw(d.selectList(dataShape, 's'))} from workflow_steps s
      where s.execution_id = ${executionId}::uuid and s.step_id = any(${stepIds}::uuid[])`,
    dataShape,
  )
