import { EXECUTION_STATUSES } from '../../queries/table/filter.ts'

/** What a line of an export can be: a row of one of the five tables. Also the order in which lines are imported. */
export const KINDS = ['execution', 'step', 'audit', 'bill', 'metric'] as const
export type Kind = (typeof KINDS)[number]

export type FieldType =
  | 'uuid'
  | 'text'
  | 'time'
  /** bigint, 0 or more */
  | 'count'
  /** integer, 0 or more */
  | 'integer'
  /** US dollars, 0 or more */
  | 'amount'
  | 'number'
  | 'boolean'
  | 'json'

/** A column of a table, as a field of a line. */
export interface Field {
  /** executionId of execution_id */
  name: string
  column: string
  type: FieldType
  nullable: boolean
  /** SQL of the column's default. What has one may be left out of a line. */
  default?: string
  /** All that may stand there. */
  values?: readonly string[]
}

export interface Form {
  kind: Kind
  table: string
  /** In the order of the columns. */
  fields: readonly Field[]
  /** Names of the primary key's fields. */
  key: readonly string[]
  /** The last field of the key: the row's own id. */
  id: string
  /** Two fields of which the second is not before the first. */
  span?: readonly [string, string]
  /** Where this field says which row is corrected, amounts and counts may be below 0. */
  correction?: string
}

const STEP_STATUSES = ['pending', 'running', 'success', 'failed', 'skipped'] as const

const must = (column: string, type: FieldType, byDefault?: string): Field => ({
  name: column.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase()),
  column,
  type,
  nullable: false,
  ...(byDefault === undefined ? {} : { default: byDefault }),
})

const may = (column: string, type: FieldType, byDefault?: string): Field => ({
  ...must(column, type, byDefault),
  nullable: true,
})

const oneOf = (field: Field, values: readonly string[]): Field => ({ ...field, values })

// An id has a default too, but a line without one could not be imported twice without making two rows.
export const FORMS: Record<Kind, Form> = {
  execution: {
    kind: 'execution',
    table: 'workflow_executions',
    key: ['executionId'],
    id: 'executionId',
    span: ['startTime', 'endTime'],
    fields: [
      must('execution_id', 'uuid'),
      must('workflow_name', 'text'),
      must('workflow_type', 'text', "'autonomous'"),
      must('user_id', 'text'),
      must('mode', 'text'),
      must('model_id', 'text'),
      must('start_time', 'time', 'now()'),
      may('end_time', 'time'),
      oneOf(must('status', 'text', "'running'"), EXECUTION_STATUSES),
      must('total_cost', 'amount', '0'),
      must('total_tokens', 'count', '0'),
      must('steps_total', 'integer', '0'),
      must('steps_completed', 'integer', '0'),
      must('steps_failed', 'integer', '0'),
      may('error_message', 'text'),
      may('metadata', 'json', "'{}'"),
      may('created_at', 'time', 'now()'),
      may('updated_at', 'time', 'now()'),
    ],
  },
  step: {
    kind: 'step',
    table: 'workflow_steps',
    key: ['executionId', 'stepId'],
    id: 'stepId',
    span: ['startTime', 'endTime'],
    fields: [
      must('step_id', 'uuid'),
      must('execution_id', 'uuid'),
      must('step_number', 'integer'),
      must('step_name', 'text'),
      may('step_description', 'text'),
      may('tool_name', 'text'),
      may('tool_parameters', 'json'),
      oneOf(must('status', 'text', "'pending'"), STEP_STATUSES),
      may('start_time', 'time'),
      may('end_time', 'time'),
      may('duration_ms', 'count'),
      must('tokens_used', 'count', '0'),
      must('cost', 'amount', '0'),
      may('result', 'json'),
      may('error_message', 'text'),
      must('retry_count', 'integer', '0'),
      may('created_at', 'time', 'now()'),
      may('updated_at', 'time', 'now()'),
      may('tokens_input', 'count'),
      may('tokens_output', 'count'),
      may('tokens_cache_read', 'count'),
      may('tokens_cache_write', 'count'),
      may('tokens_reasoning', 'count'),
    ],
  },
  audit: {
    kind: 'audit',
    table: 'audit_logs',
    key: ['logId'],
    id: 'logId',
    fields: [
      must('log_id', 'uuid'),
      may('execution_id', 'uuid'),
      may('step_id', 'uuid'),
      must('timestamp', 'time', 'now()'),
      must('user_id', 'text'),
      must('action_type', 'text'),
      must('action_details', 'text'),
      may('tool_name', 'text'),
      may('tool_input', 'json'),
      may('tool_output', 'json'),
      must('tokens_used', 'count', '0'),
      must('cost', 'amount', '0'),
      may('model_id', 'text'),
      must('success', 'boolean', 'true'),
      may('error_message', 'text'),
      may('metadata', 'json', "'{}'"),
      may('created_at', 'time', 'now()'),
    ],
  },
  bill: {
    kind: 'bill',
    table: 'billing_records',
    key: ['billingId'],
    id: 'billingId',
    correction: 'corrects',
    fields: [
      must('billing_id', 'uuid'),
      must('user_id', 'text'),
      may('execution_id', 'uuid'),
      must('timestamp', 'time', 'now()'),
      must('model_id', 'text'),
      may('tokens_input', 'count'),
      may('tokens_output', 'count'),
      must('tokens_total', 'count', '0'),
      must('cost', 'amount', '0'),
      must('billing_period', 'text'),
      must('paid', 'boolean', 'false'),
      may('payment_id', 'text'),
      may('metadata', 'json', "'{}'"),
      may('created_at', 'time', 'now()'),
      may('updated_at', 'time', 'now()'),
      may('tokens_cache_read', 'count'),
      may('tokens_cache_write', 'count'),
      may('tokens_reasoning', 'count'),
      may('corrects', 'uuid'),
      may('original_period', 'text'),
    ],
  },
  metric: {
    kind: 'metric',
    table: 'observability_metrics',
    key: ['metricId'],
    id: 'metricId',
    fields: [
      must('metric_id', 'uuid'),
      must('timestamp', 'time', 'now()'),
      must('user_id', 'text'),
      must('metric_type', 'text'),
      must('metric_value', 'number'),
      must('aggregation_period', 'text', "'hour'"),
      may('dimensions', 'json', "'{}'"),
      may('created_at', 'time', 'now()'),
    ],
  },
}

export const fieldOf = (form: Form, name: string): Field =>
  form.fields.find((field) => field.name === name) as Field

/**
 * Beside the row: the fields that hold JSON's null. A field that says null has no value at all (NULL), which
 * PostgreSQL tells apart from that.
 */
export const JSON_NULLS = 'jsonNull'
