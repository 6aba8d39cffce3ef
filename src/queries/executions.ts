import * as d from '../db/decode.ts'
import { WfstoreError } from '../error.ts'
import { decodeCursor, encodeCursor, type Position } from './cursor.ts'
import { bind, type ExecutionFilter, executionWhere } from './filter.ts'

/** A run. Times are RFC 3339 in UTC with microseconds; totalCost is US dollars as an exact decimal. */
const executionShape = {
  executionId: d.uuid(),
  workflowName: d.text(),
  workflowType: d.text(),
  userId: d.text(),
  mode: d.text(),
  modelId: d.text(),
  status: d.text(),
  startTime: d.time(),
  endTime: d.nullable(d.time()),
  /** Milliseconds from start to end; NULL until the run has ended. */
  durationMs: d.nullable(d.number('(extract(epoch from e.end_time - e.start_time) * 1000)')),
  totalCost: d.amount(),
  totalTokens: d.count(),
  stepsTotal: d.count(),
  stepsCompleted: d.count(),
  stepsFailed: d.count(),
  errorMessage: d.nullable(d.text()),
  metadata: d.nullable(d.json()),
  createdAt: d.nullable(d.time()),
  updatedAt: d.nullable(d.time()),
}
export type Execution = d.RowOf<typeof executionShape>

/** A step of a run. A token class that nobody reported is null; tokensUsed is what was paid for. */
const stepShape = {
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
}
export type Step = d.RowOf<typeof stepShape>
export type ExecutionWithSteps = Execution & { steps: Step[] }

/** Runs a statement on whatever database the store has. */
export type Run = <S extends d.Shape>(
  text: string,
  values: readonly unknown[],
  shape: S,
) => Promise<d.RowOf<S>[]>

export interface ListOptions extends ExecutionFilter {
  /** Rows of this page, 1 or more. */
  limit: number
  /** From an earlier page of the same list with the same filters. */
  cursor?: string | undefined
}

export interface Page<Row> {
  rows: Row[]
  /** Where the next page begins; null where this is the last. */
  nextCursor: string | null
}

type Order = 'newest first' | 'oldest first'

/** Runs by start time, newest first; runs of the same microsecond by id. */
export const listExecutions = (run: Run, options: ListOptions): Promise<Page<Execution>> =>
  page(run, 'executions', 'newest first', options)

/** Runs that have not finished, the longest-running first. */
export const listRunning = (run: Run, options: ListOptions): Promise<Page<Execution>> =>
  page(run, 'running', 'oldest first', { ...options, status: ['running'] })

async function page(
  run: Run,
  list: string,
  order: Order,
  options: ListOptions,
): Promise<Page<Execution>> {
  const { limit, cursor, ...asked } = options
  const resume = cursor === undefined ? undefined : decodeCursor(list, asked, cursor)
  const filter = resume ? withInstants(asked, resume) : asked
  const { text, values } = pageStatement(filter, order, limit, resume?.position)
  const rows = await run(text, values, executionShape)
  const shown = rows.slice(0, limit)
  const last = shown.at(-1)
  const nextCursor =
    rows.length > limit && last
      ? encodeCursor(list, filter, { time: last.startTime, id: last.executionId })
      : null
  return { rows: shown, nextCursor }
}

/** One row more than asked for is read, to know whether there is a next page. */
function pageStatement(filter: ExecutionFilter, order: Order, limit: number, after?: Position) {
  const where = executionWhere(filter)
  const [direction, beyond] = order === 'newest first' ? ['desc', '<'] : ['asc', '>']
  if (after) {
    const key = `(${bind(where, after.time)}::timestamptz, ${bind(where, after.id)}::uuid)`
    where.conditions.push(`(e.start_time, e.execution_id) ${beyond} ${key}`)
  }
  const text = `select ${d.selectList(executionShape, 'e')} from workflow_executions e
    ${where.conditions.length > 0 ? `where ${where.conditions.join(' and ')}` : ''}
    order by e.start_time ${direction}, e.execution_id ${direction}
    limit ${bind(where, limit + 1)}`
  return { text, values: where.values }
}

/** The same question as on the first page: '24h' goes on meaning the instant it meant there. */
function withInstants(
  filter: ExecutionFilter,
  resume: { since: string | undefined; until: string | undefined },
) {
  const { since, until } = filter
  return {
    ...filter,
    since: since && resume.since ? { text: since.text, at: resume.since } : since,
    until: until && resume.until ? { text: until.text, at: resume.until } : until,
  }
}

const SHORTEST_PREFIX = 8
const ZERO = '00000000-0000-0000-0000-000000000000'

/**
 * One run with its steps in order, in one statement and so of one moment.
 * @param id the whole id, or its first 8 or more characters as lists show them
 * @throws WfstoreError usage (no id, or the start of several), not_found
 */
export async function getExecution(run: Run, id: string): Promise<ExecutionWithSteps> {
  const [first, last] = idRange(id)
  const found = await run(
    `select ${d.selectList(executionShape, 'e')}, (
       select json_agg(${d.jsonArrayOf(stepShape, 's')} order by s.step_number, s.start_time, s.step_id)
       from workflow_steps s where s.execution_id = e.execution_id) as steps
     from workflow_executions e where e.execution_id between $1::uuid and $2::uuid
     order by e.execution_id limit 3`,
    [first, last],
    { ...executionShape, steps: d.nullable(d.json()) },
  )
  const [execution] = found
  if (!execution)
    throw new WfstoreError('not_found', `there is no execution ${id}`, {
      hint: 'it may have been cleaned up',
    })
  if (found.length > 1) {
    const candidates = found.map((row) => row.executionId).join(', ')
    throw new WfstoreError('usage', `${id} is the start of several executions`, {
      hint: `give more of it: ${candidates}`,
    })
  }
  const steps = execution.steps === null ? [] : (JSON.parse(execution.steps) as (string | null)[][])
  return { ...execution, steps: steps.map((values) => d.decodeValues(stepShape, values)) }
}

/**
 * The smallest and largest id that begin with these characters.
 * @throws WfstoreError usage where they are no UUID nor the start of one
 */
export function idRange(id: string): [first: string, last: string] {
  const given = id.toLowerCase()
  const wellFormed =
    given.length <= ZERO.length &&
    given.length >= SHORTEST_PREFIX &&
    [...given].every((character, index) =>
      ZERO[index] === '-' ? character === '-' : /[0-9a-f]/.test(character),
    )
  if (!wellFormed) {
    throw new WfstoreError('usage', `${JSON.stringify(id)} is not an execution id`, {
      hint: `an id is a UUID, or its first ${SHORTEST_PREFIX} or more characters`,
    })
  }
  return [given + ZERO.slice(given.length), given + ZERO.slice(given.length).replaceAll('0', 'f')]
}
