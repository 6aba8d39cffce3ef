// The batch writer, compared with statements that insert many rows.
import { openStore } from '../dist/index.js'
import { WITHOUT_TRIGGERS } from './database.js'
import { compare } from './turns.js'
import {
  FLIGHTS,
  FORMS,
  fastest,
  jsonOf,
  MAX_ROWS,
  names,
  newId,
  record,
  sendAll,
} from './write-forms.js'

const AUDIT = {
  table: 'audit_logs',
  columns: [
    ['log_id', 'uuid'],
    ['execution_id', 'uuid'],
    ['step_id', 'uuid'],
    ['timestamp', 'timestamptz'],
    ['user_id', 'text'],
    ['action_type', 'text'],
    ['action_details', 'text'],
    ['tool_name', 'text'],
    ['tool_input', 'jsonb'],
    ['tool_output', 'jsonb'],
    ['tokens_used', 'bigint'],
    ['cost', 'numeric'],
    ['model_id', 'text'],
    ['success', 'boolean'],
    ['error_message', 'text'],
    ['metadata', 'jsonb'],
  ],
}

const entriesOf = (runs, count) =>
  Array.from({ length: count }, (_, n) => {
    const { id, user, model } = runs[n % runs.length]
    return {
      user,
      model,
      entry: {
        executionId: id,
        action: 'tool_call',
        toolName: 'SEARCH',
        input: { query: `companies like number ${n}`, limit: 20, filters: ['region', 'size'] },
        output: { rows: n % 20, next: null, first: `result of ${n}` },
        tokens: n % 900,
        cost: '0.000123',
      },
    }
  })

const entryValues = ({ user, model, entry }) => [
  newId(),
  entry.executionId,
  null,
  new Date().toISOString(),
  user,
  entry.action,
  `Tool call: ${entry.toolName}`,
  entry.toolName,
  entry.input,
  entry.output,
  entry.tokens,
  entry.cost,
  model,
  true,
  null,
  {},
]

export async function batchEntries(bench) {
  const { entries } = bench.sizes
  const store = openStore({ pool: await bench.poolOf(FLIGHTS) })
  const pool = await bench.poolOf(FLIGHTS, WITHOUT_TRIGGERS)
  const ready = async () => ({
    pool,
    things: entriesOf(await bench.add(Math.ceil(entries / 20)), entries),
    valuesOf: entryValues,
  })
  const form = await fastest(bench, AUDIT, ready)
  const statement = FORMS[form](AUDIT)
  const ours = async () => {
    const { things } = await ready()
    return async () => {
      const batch = store.batch({ maxRows: MAX_ROWS })
      const written = things.map(({ entry }) => batch.audit(entry))
      await batch.close()
      await Promise.all(written)
    }
  }
  const side = async () => {
    const { things } = await ready()
    return () => sendAll(pool, things, entryValues, statement)
  }
  const what = `INSERT of ${MAX_ROWS} rows (${form})`
  return compare(bench, { name: 'batch.audit', rows: entries }, ours, [{ what, side, goal: 0.8 }])
}

const STEP = {
  columns: [
    ['execution_id', 'uuid'],
    ['step_id', 'uuid'],
    ['step_number', 'integer'],
    ['step_name', 'text'],
    ['step_description', 'text'],
    ['tool_name', 'text'],
    ['tool_parameters', 'jsonb'],
    ['status', 'text'],
    ['start_time', 'timestamptz'],
    ['end_time', 'timestamptz'],
    ['duration_ms', 'bigint'],
    ['tokens_used', 'bigint'],
    ['cost', 'numeric'],
    ['tokens_input', 'bigint'],
    ['tokens_output', 'bigint'],
    ['tokens_cache_read', 'bigint'],
    ['tokens_cache_write', 'bigint'],
    ['tokens_reasoning', 'bigint'],
    ['result', 'jsonb'],
    ['error_message', 'text'],
  ],
}

/** Ten steps of a run are adjacent, so that two plain statements never lock the same run. */
const stepsOf = (runs, count) =>
  Array.from({ length: count }, (_, n) => ({
    executionId: runs[Math.floor(n / 10)].id,
    stepNumber: n % 10,
    stepName: `search for company ${n}`,
    toolName: 'SEARCH',
    toolParameters: { query: `companies like number ${n}`, limit: 20 },
    status: 'success',
    startTime: '2025-01-01T10:00:00.000Z',
    endTime: '2025-01-01T10:00:01.234Z',
    tokens: { input: n % 700, output: n % 200 },
    cost: '0.000123',
    result: { rows: n % 20, first: `result of ${n}` },
  }))

const stepValues = (step) => [
  step.executionId,
  newId(),
  step.stepNumber,
  step.stepName,
  null,
  step.toolName,
  step.toolParameters,
  step.status,
  step.startTime,
  step.endTime,
  Date.parse(step.endTime) - Date.parse(step.startTime),
  step.tokens.input + step.tokens.output,
  step.cost,
  step.tokens.input,
  step.tokens.output,
  null,
  null,
  null,
  step.result,
  null,
]

/** The rows that a batch writes for steps, without its locks, bills, repeat checks and results. */
const STEPS_AND_ALL = `
with s as (
  insert into workflow_steps (${names(STEP.columns)})
  select ${names(STEP.columns)} from json_to_recordset($1::json) as g (${record(STEP.columns)})
  returning *
), entry as (
  insert into audit_logs (execution_id, step_id, user_id, action_type, action_details, tool_name, tool_output, tokens_used, cost,
    model_id, success, error_message)
  select s.execution_id, s.step_id, e.user_id, 'step_end', 'Step completed: ' || s.step_name, s.tool_name, s.result, s.tokens_used,
    s.cost, e.model_id, true, null
  from s join workflow_executions e using (execution_id)
)
update workflow_executions e
set total_tokens = e.total_tokens + m.tokens, total_cost = e.total_cost + m.cost, steps_completed = e.steps_completed + m.steps
from (select execution_id, sum(tokens_used) as tokens, sum(cost) as cost, count(*) as steps from s group by 1) as m
where e.execution_id = m.execution_id`

export async function batchSteps(bench) {
  const { steps } = bench.sizes
  const store = openStore({ pool: await bench.poolOf(FLIGHTS) })
  const pool = await bench.poolOf(FLIGHTS, WITHOUT_TRIGGERS)
  const ready = async () => stepsOf(await bench.add(Math.ceil(steps / 10)), steps)
  const ours = async () => {
    const things = await ready()
    return async () => {
      const batch = store.batch({ maxRows: MAX_ROWS })
      const written = things.map((step) => batch.step(step))
      await batch.close()
      await Promise.all(written)
    }
  }
  const all = (rows) => ({ text: STEPS_AND_ALL, values: [jsonOf(STEP.columns, rows)] })
  const side = async () => {
    const things = await ready()
    return () => sendAll(pool, things, stepValues, all)
  }
  const what = 'INSERT of steps and entries, UPDATE of runs'
  return compare(bench, { name: 'batch.step', rows: steps }, ours, [{ what, side, goal: 0.8 }])
}
