import {
  amount,
  byWfstore,
  count,
  integer,
  json,
  key,
  keyText,
  name,
  oneOf,
  optional,
  parentKey,
  stamp,
  table,
  text,
  time,
  withDefault,
} from './column.ts'
import { tokenColumns } from './tokens.ts'
import type { NewOf, PatchOf } from './types.ts'

export const STEP_STATUSES = ['pending', 'running', 'success', 'failed', 'skipped'] as const
export type StepStatus = (typeof STEP_STATUSES)[number]

/** Where a cost comes from. */
export const COST_SOURCES = ['given', 'priced', 'unpriced'] as const
export type CostSource = (typeof COST_SOURCES)[number]

/** The steps of executions. */
export const steps = table({
  kind: 'step',
  name: 'workflow_steps',
  alias: 's',
  noun: 'step',
  key: ['executionId', 'stepId'],
  span: ['startTime', 'endTime'],
  columns: {
    /** A UUID; a new UUIDv7 if not given. */
    stepId: key,
    executionId: parentKey,
    stepNumber: integer,
    stepName: name,
    stepDescription: optional(text),
    toolName: optional(keyText),
    /** Any JSON value. */
    toolParameters: optional(json),
    status: withDefault(oneOf(STEP_STATUSES), "'pending'"),
    startTime: optional(time),
    /** Not before the start. */
    endTime: optional(time),
    /** Milliseconds, a whole number. */
    durationMs: optional(count),
    /** Number of billed tokens. */
    tokensUsed: withDefault(count, '0'),
    /** US dollars, 0 or more. */
    cost: withDefault(amount, '0'),
    /** Any JSON value. */
    result: optional(json),
    errorMessage: optional(text),
    retryCount: withDefault(integer, '0'),
    createdAt: stamp,
    updatedAt: stamp,
    ...tokenColumns,
    /** The provider of the model, such as 'openai'. */
    provider: optional(name),
    /** The model of the step; null for the model of its execution. */
    modelId: optional(name),
    /**
     * given: by the engine. priced: by the price book, at least in part. unpriced: a part has no price yet, so it is not in
     * the cost. Null: another client wrote the step, or it called no model.
     */
    costSource: byWfstore(optional(oneOf(COST_SOURCES))),
    /** The part of the cost that the price book gave, and the tokens without a price. */
    costLines: byWfstore(optional(json)),
  },
})

/** The fields of a step that can be changed. */
export type StepPatch = PatchOf<typeof steps>
/**
 * A new step as a row. It does not change the totals of its execution; the recorder does that. What is left out has the
 * default of the table: status 'pending', counts and cost 0.
 */
export type NewStep = NewOf<typeof steps>
