import { WfstoreError } from '../error.ts'

export const EXECUTION_STATUSES = ['running', 'success', 'failed', 'partial', 'cancelled'] as const
export type ExecutionStatus = (typeof EXECUTION_STATUSES)[number]

/** An instant, and the words it was asked for in: '7d' is the same question tomorrow, at another instant. */
export interface TimeBound {
  text: string
  /** RFC 3339. */
  at: string
}

/** What narrows a list of executions. Texts match exactly; several statuses mean any of them. */
export interface ExecutionFilter {
  userId?: string | undefined
  status?: readonly ExecutionStatus[] | undefined
  mode?: string | undefined
  modelId?: string | undefined
  workflowName?: string | undefined
  /** Runs with a step that used this tool. */
  toolName?: string | undefined
  executionId?: string | undefined
  /** Runs started at this instant or later. */
  since?: TimeBound | undefined
  /** Runs started before this instant. */
  until?: TimeBound | undefined
}

/** Conditions joined by AND, and the values that they bind. */
export interface Where {
  conditions: string[]
  values: unknown[]
}

/** Binds a value and gives its placeholder. */
export function bind(where: Where, value: unknown): string {
  where.values.push(value)
  return `$${where.values.length}`
}

export function executionWhere(filter: ExecutionFilter): Where {
  const where: Where = { conditions: [], values: [] }
  const add = (value: unknown, condition: (placeholder: string) => string): void => {
    if (value !== undefined) where.conditions.push(condition(bind(where, value)))
  }
  add(filter.userId, (p) => `e.user_id = ${p}`)
  // One status is an equality, so that its index gives the order too.
  if (filter.status?.length === 1) add(filter.status[0], (p) => `e.status = ${p}`)
  else add(filter.status, (p) => `e.status = any(${p}::text[])`)
  add(filter.mode, (p) => `e.mode = ${p}`)
  add(filter.modelId, (p) => `e.model_id = ${p}`)
  add(filter.workflowName, (p) => `e.workflow_name = ${p}`)
  add(filter.executionId, (p) => `e.execution_id = ${p}::uuid`)
  add(
    filter.toolName,
    (p) =>
      `exists (select from workflow_steps s where s.execution_id = e.execution_id and s.tool_name = ${p})`,
  )
  add(filter.since?.at, (p) => `e.start_time >= ${p}::timestamptz`)
  add(filter.until?.at, (p) => `e.start_time < ${p}::timestamptz`)
  return where
}

/** @throws WfstoreError usage where the bounds leave no time between them */
export function checkBounds({ since, until }: Pick<ExecutionFilter, 'since' | 'until'>): void {
  if (since && until && Date.parse(since.at) >= Date.parse(until.at)) {
    throw new WfstoreError('usage', `--since ${since.text} is not before --until ${until.text}`, {
      hint: 'nothing lies between them: exchange or widen them',
    })
  }
}
