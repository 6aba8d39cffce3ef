import * as d from '../../db/query/decode.ts'
import type { ExecutionFilter } from '../table/filter.ts'
import type { List } from '../table/page.ts'
import { EXECUTIONS, executionShape } from './executions.ts'
import { costWithChildren } from './tree.ts'

const shape = {
  ...executionShape,
  /** Of the run and its kept sub-runs, each once. In its order, the whole table would be read for each run. */
  costWithChildren: { ...d.amount(costWithChildren('e')), unordered: true as const },
}

/** Runs with the cost of their sub-runs. Its cursors are those of the list without it. */
export const EXECUTIONS_WITH_CHILDREN: List<typeof shape, ExecutionFilter> = {
  ...EXECUTIONS,
  shape,
}
