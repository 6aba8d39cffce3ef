import * as d from '../../db/query/decode.ts'
import type { ExecutionFilter } from '../table/filter.ts'
import type { List } from '../table/page.ts'
import { EXECUTIONS, executionShape } from './executions.ts'
import { costsWithChildren } from './tree.ts'

const shape = {
  ...executionShape,
  /** Of the run and its kept sub-runs, each once. The list adds the sub-runs of a page. */
  costWithChildren: { ...d.amount('e.total_cost'), unordered: true as const },
}

/** Runs with the cost of their sub-runs. Its cursors are those of the list without it. */
export const EXECUTIONS_WITH_CHILDREN: List<typeof shape, ExecutionFilter> = {
  ...EXECUTIONS,
  shape,
  complete: costsWithChildren,
}
