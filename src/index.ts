export { type ErrorCode, WfstoreError } from './error.ts'
export type {
  Execution,
  ExecutionWithSteps,
  ListOptions,
  Page,
  Step,
} from './queries/executions.ts'
export type { ExecutionFilter, ExecutionStatus, TimeBound } from './queries/filter.ts'
export { openStore, type Store } from './store.ts'
