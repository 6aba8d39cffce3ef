import {
  amount,
  count,
  integer,
  key,
  name,
  object,
  oneOf,
  optional,
  stamp,
  table,
  tags as tagsColumn,
  text,
  time,
  uuid,
  withDefault,
} from './column.ts'
import type { NewOf, PatchOf } from './types.ts'

export const EXECUTION_STATUSES = ['running', 'success', 'failed', 'partial', 'cancelled'] as const
export type ExecutionStatus = (typeof EXECUTION_STATUSES)[number]

/**
 * An error is a run that ended with one of these statuses: it has not done all its work. A cancelled run is no error,
 * because a person or a program ended it on purpose.
 */
export const ERROR_STATUSES = ['failed', 'partial'] as const satisfies readonly ExecutionStatus[]

/** The executions, with the totals of their steps. */
export const executions = table({
  kind: 'execution',
  name: 'workflow_executions',
  alias: 'e',
  noun: 'execution',
  key: ['executionId'],
  span: ['startTime', 'endTime'],
  columns: {
    /** A UUID; a new UUIDv7 if not given. */
    executionId: key,
    workflowName: name,
    /** How the run came about: 'autonomous', 'manual', 'template' or a word of the application. */
    workflowType: withDefault(text, "'autonomous'"),
    userId: name,
    /** The part of the application that started the run: 'Sales', 'Marketing'. */
    mode: name,
    /** The model of all steps that name no other. */
    modelId: name,
    startTime: withDefault(time, 'now()'),
    /** Not before the start; null while the execution runs. */
    endTime: optional(time),
    status: withDefault(oneOf(EXECUTION_STATUSES), "'running'"),
    /** US dollars, 0 or more. */
    totalCost: withDefault(amount, '0'),
    totalTokens: withDefault(count, '0'),
    /** How many steps are planned. */
    stepsTotal: withDefault(integer, '0'),
    stepsCompleted: withDefault(integer, '0'),
    stepsFailed: withDefault(integer, '0'),
    errorMessage: optional(text),
    /** An object of your own data. Older rows may hold any JSON value. */
    metadata: optional(withDefault(object, "'{}'")),
    createdAt: stamp,
    updatedAt: stamp,
    /** Text by name, such as { team: 'sales' }; at most 20. */
    tags: withDefault(tagsColumn, "'{}'"),
    /** The conversation that the run belongs to. */
    sessionId: optional(name),
    /** The run that started this one, such as the run of the agent that called a sub-agent. */
    parentExecutionId: optional(uuid),
  },
})

/** The fields of an execution that can be changed. */
export type ExecutionPatch = PatchOf<typeof executions>
/**
 * A new execution as a row. What is left out has the default of the table: status 'running', workflowType 'autonomous',
 * startTime now, amounts and counts 0.
 */
export type NewExecution = NewOf<typeof executions>

/**
 * SQL of the time that a run took, NULL without an end. A run of an old database may end before it starts, by the clocks of
 * two machines. It took no time: in a list, a sum, an average, a history and a percentile.
 */
export const runTime = (e: string): string => timeBetween(`${e}.start_time`, `${e}.end_time`)

/** SQL of the time between the start and the end of a run, NULL without an end. */
export const timeBetween = (start: string, end: string): string =>
  `case when ${end} < ${start} then interval '0' else ${end} - ${start} end`
