import type { Execution, ExecutionWithSteps, Step } from '../../../queries/executions/executions.ts'
import {
  agentOf,
  isTraced,
  knownCost,
  knownTokens,
  modelOf,
} from '../../../queries/executions/known.ts'
import type { RunningExecution } from '../../../queries/executions/running.ts'
import type { ClosedExecution } from '../../../record/recorder/close.ts'
import { TOKEN_FIELDS } from '../../../tables/tokens.ts'
import type { Column } from '../../output/column.ts'

/** Of an unfinished run the time so far; null if its start is in the future. */
const elapsed = (row: Execution, now: Date): number | null => {
  if (row.status !== 'running') return row.durationMs
  const soFar = now.getTime() - Date.parse(row.startTime)
  return soFar >= 0 ? soFar : null
}

/** A run in a list. */
export const executionColumns: Column<Execution>[] = [
  { name: 'executionId', header: 'ID', kind: 'id', isName: true, priority: 10 },
  { name: 'startTime', header: 'STARTED', kind: 'time', priority: 9 },
  { name: 'workflowName', header: 'WORKFLOW', kind: 'text', flex: { min: 12 }, priority: 8 },
  { name: 'userId', header: 'USER', kind: 'text', flex: { min: 8 }, priority: 6 },
  { name: 'status', kind: 'status', priority: 10 },
  { name: 'durationMs', header: 'DURATION', kind: 'duration', cell: elapsed, priority: 5 },
  { name: 'totalCost', header: 'COST', kind: 'amount', priority: 7 },
  { name: 'totalTokens', header: 'TOKENS', kind: 'count', priority: 3 },
  {
    name: 'steps',
    kind: 'text',
    // The column is 0 if the engine did not say how many there will be.
    value: ({ stepsCompleted, stepsTotal }) => `${stepsCompleted}/${stepsTotal || '-'}`,
    json: false,
    priority: 4,
  },
  { name: 'mode', kind: 'text', priority: 2 },
  { name: 'modelId', header: 'MODEL', kind: 'text', flex: { min: 10 }, priority: 1 },
  { name: 'workflowType', kind: 'text', table: false },
  { name: 'endTime', header: 'ENDED', kind: 'time', table: false },
  { name: 'stepsTotal', kind: 'count', cell: ({ stepsTotal }) => stepsTotal || null, table: false },
  { name: 'stepsCompleted', kind: 'count', table: false },
  { name: 'stepsFailed', kind: 'count', table: false },
  { name: 'errorMessage', header: 'ERROR', kind: 'text', table: false, flex: { min: 20 } },
  { name: 'tags', kind: 'json', table: false },
  { name: 'sessionId', header: 'SESSION', kind: 'text', table: false },
  { name: 'parentExecutionId', header: 'PARENT', kind: 'id', table: false },
  { name: 'metadata', kind: 'json', table: false },
  { name: 'createdAt', kind: 'time', table: false },
  { name: 'updatedAt', kind: 'time', table: false },
]

const idle = (row: RunningExecution, now: Date): number | null => {
  const since = now.getTime() - Date.parse(row.lastWriteTime)
  return since >= 0 ? since : null
}

/** An unfinished run in a list, with the time since its last write. */
export const runningColumns: Column<RunningExecution>[] = executionColumns.flatMap(
  (column): Column<RunningExecution>[] => {
    if (column.name === 'status') {
      const cell = ({ stuck, status }: RunningExecution) => (stuck ? 'stuck' : status)
      return [
        { ...column, cell },
        { name: 'stuck', kind: 'boolean', table: false },
      ]
    }
    if (column.name !== 'durationMs') return [column]
    // A time stamp, but on a terminal its age.
    const idleColumn: Column<RunningExecution> = {
      name: 'lastWriteTime',
      header: 'IDLE',
      kind: 'duration',
      cell: idle,
      priority: 9,
    }
    return [column, idleColumn]
  },
)

/** A run that was closed or, in a dry run, would be. */
export const closedColumns: Column<ClosedExecution>[] = [
  { name: 'executionId', header: 'ID', kind: 'id', isName: true, priority: 10 },
  { name: 'workflowName', header: 'WORKFLOW', kind: 'text', flex: { min: 12 }, priority: 8 },
  { name: 'userId', header: 'USER', kind: 'text', flex: { min: 8 }, priority: 6 },
  { name: 'status', kind: 'status', priority: 10 },
  { name: 'totalCost', header: 'COST', kind: 'amount', priority: 7 },
  { name: 'lastWriteTime', header: 'LAST WRITE', kind: 'time', priority: 9 },
]

/** A step with its agent, which only a run of OpenTelemetry has. */
type ShownStep = Step & { agent: string | null }

const shownStep = (step: Step, run: Execution): ShownStep => ({
  ...step,
  modelId: modelOf(step, run),
  agent: isTraced(run) ? agentOf(step) : null,
})

const stepColumns: Column<ShownStep>[] = [
  { name: 'stepNumber', header: '#', kind: 'count', priority: 10 },
  { name: 'stepName', header: 'STEP', kind: 'text', flex: { min: 12 }, priority: 9 },
  { name: 'toolName', header: 'TOOL', kind: 'text', flex: { min: 12 }, priority: 6 },
  { name: 'status', kind: 'status', priority: 10 },
  { name: 'durationMs', header: 'DURATION', kind: 'duration', priority: 7 },
  { name: 'cost', kind: 'amount', value: knownCost, priority: 8 },
  { name: 'tokensUsed', header: 'TOKENS', kind: 'count', value: knownTokens, priority: 5 },
  { name: 'modelId', header: 'MODEL', kind: 'text', flex: { min: 10 }, priority: 2 },
  { name: 'retryCount', header: 'RETRIES', kind: 'count', priority: 3 },
  { name: 'errorMessage', header: 'ERROR', kind: 'text', flex: { min: 16 }, priority: 8 },
  {
    ...{ name: 'agent', kind: 'text', flex: { min: 10 }, priority: 4 },
    unlessEmpty: true,
    json: false,
  },
  { name: 'startTime', header: 'STARTED', kind: 'time', table: false },
  { name: 'endTime', header: 'ENDED', kind: 'time', table: false },
  { name: 'stepId', header: 'STEP ID', kind: 'id', table: false },
  { name: 'stepDescription', header: 'DESCRIPTION', kind: 'text', table: false },
  { name: 'toolParameters', kind: 'json', table: false },
  ...TOKEN_FIELDS.map((name): Column<ShownStep> => ({ name, kind: 'count', table: false })),
  { name: 'result', kind: 'json', table: false },
  { name: 'provider', kind: 'text', table: false },
  { name: 'costSource', kind: 'text', table: false },
]

/** A single run. */
export const showColumns: Column<ExecutionWithSteps>[] = [
  ...executionColumns
    .filter(({ name }) => name !== 'steps')
    .map((column) => ({ ...column, table: true })),
  {
    name: 'steps',
    kind: 'rows',
    value: (run) => run.steps.map((step) => shownStep(step, run)),
    columns: stepColumns as readonly Column<never>[],
  },
]
