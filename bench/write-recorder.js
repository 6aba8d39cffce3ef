// Single calls of the recorder, compared with minimal statements that write the same rows.
import { openStore } from '../dist/index.js'
import { WITHOUT_TRIGGERS } from './database.js'
import { compare } from './turns.js'
import { newId, together } from './write-forms.js'

const AT_ONCE = 20

const FINISH = (totals) => `
with u as (
  update workflow_steps s
  set status = $3, result = $4::jsonb, end_time = now(),
      duration_ms = round(extract(epoch from now() - s.start_time) * 1000), tokens_used = s.tokens_used + $5::bigint,
      cost = s.cost + $6::numeric, tokens_input = $7::bigint, tokens_output = $8::bigint
  where execution_id = $1::uuid and step_id = $2::uuid
  returning s.execution_id, s.step_id, s.step_name, s.tool_name, s.result
)${totals}
insert into audit_logs (log_id, execution_id, step_id, user_id, action_type, action_details, tool_name, tool_output, tokens_used, cost,
  model_id, metadata)
select $9::uuid, execution_id, step_id, $10, 'step_end', 'Step completed: ' || step_name, tool_name, result, $5::bigint, $6::numeric,
       $11, $12::jsonb
from u`

const TOTALS = `, totals as (
  update workflow_executions e
  set total_tokens = e.total_tokens + $5::bigint, total_cost = e.total_cost + $6::numeric, steps_completed = e.steps_completed + 1
  from u where e.execution_id = u.execution_id
)`

const BARE = { user: 'user_7', model: 'gpt-4o' }
const END = {
  status: 'success',
  tokens: { input: 60, output: 40 },
  cost: '0.0123',
  result: { rows: 3, first: 'a company' },
}

const bareValues = ({ stepId, executionId }) => [
  executionId,
  stepId,
  END.status,
  JSON.stringify(END.result),
  END.tokens.input + END.tokens.output,
  END.cost,
  END.tokens.input,
  END.tokens.output,
  newId(),
  BARE.user,
  BARE.model,
  JSON.stringify({ attempt: 0, status: END.status, tokens: END.tokens }),
]

export async function finishes(bench) {
  const rows = bench.sizes.finishes
  const many = await bench.poolOf(AT_ONCE)
  const single = await bench.poolOf(1)
  /** The pool in use. The preparation uses many connections. */
  let current = many
  const switched = {
    query: (config) => current.query(config),
    // The store recognises a pool by this property. On a single connection it would not prepare statements.
    get totalCount() {
      return current.totalCount
    },
  }
  const store = openStore({ pool: switched })
  /** Running steps, ten for each run; neighbours are of different runs. */
  const started = async () => {
    current = many
    const runs = await together(Math.ceil(rows / 10), () => start(store))
    const steps = []
    for (let k = 0; k < 10; k++) {
      steps.push(...(await Promise.all(runs.map((run) => startStep(run, k)))))
    }
    await bench.client.query('checkpoint')
    return steps
  }
  /** The same rows for the other side, which needs only the ids. */
  const inserted = async () => {
    const runs = await bench.add(Math.ceil(rows / 10))
    const { rows: steps } = await bench.client.query(
      `with step as (
         insert into workflow_steps (execution_id, step_id, step_number, step_name, tool_name, tool_parameters, status, start_time)
         select execution_id, gen_random_uuid(), k, 'search', 'SEARCH', '{"limit": 20}', 'running', now()
         from generate_series(0, 9) as k, workflow_executions where execution_id = any ($1)
         returning *
       ), entry as (
         insert into audit_logs (execution_id, step_id, user_id, action_type, action_details)
         select execution_id, step_id, 'user_7', 'step_start', 'Step 1: search' from step
         union all
         select execution_id, null, 'user_7', 'workflow_start', 'Started workflow' from workflow_executions where execution_id = any ($1)
       )
       select execution_id as "executionId", step_id as "stepId" from step order by step_number, execution_id`,
      [runs.map(({ id }) => id)],
    )
    await bench.client.query('checkpoint')
    return steps
  }
  const workers = async (count, steps, work) => {
    let next = 0
    await together(count, async () => {
      while (next < steps.length) await work(steps[next++])
    })
  }
  const forms = [
    { what: 'UPDATE + INSERT, prepared', text: FINISH(''), name: 'finish', goal: 0.9 },
    {
      what: 'the same and UPDATE of the run, prepared',
      text: FINISH(TOTALS),
      name: 'finish_run',
      goal: 0.9,
    },
  ]
  const results = []
  for (const [count, pool] of [
    [1, single],
    [AT_ONCE, many],
  ]) {
    const ours = async () => {
      const steps = await started()
      current = pool
      return () => workers(count, steps, (step) => step.finish(END))
    }
    const bare = await bench.poolOf(count, WITHOUT_TRIGGERS)
    const others = forms.map(({ what, goal, ...config }) => ({
      what,
      goal,
      side: async () => {
        const steps = await inserted()
        const query = (step) => bare.query({ ...config, values: bareValues(step) })
        return () => workers(count, steps, query)
      },
    }))
    results.push(
      ...(await compare(bench, { name: `step.finish, ${over(count)}`, rows }, ours, others)),
    )
  }
  return results
}

/** A price book of a provider with 100 models, of which the used one comes last. */
const PRICES = [
  `insert into wfstore_model_rules (subject, provider, model, position, kind, pattern)
   select 'provider_of_model', 'provider ' || n, null, n, 'starts_with', 'model ' || n from generate_series(1, 20) as n
   union all select 'provider_of_model', 'openai', null, 21, 'starts_with', 'gpt-'
   union all select 'model', 'openai', 'gpt-' || n, n, 'contains', 'gpt-' || n || '-preview' from generate_series(5, 104) as n
   union all select 'model', 'openai', 'gpt-4o', 105, 'equals', 'gpt-4o'`,
  `insert into wfstore_prices (provider, model, meter, price, valid_from, source)
   select 'openai', model, meter, 2.5, '1970-01-01Z', 'genai-prices'
   from wfstore_model_rules, unnest(array['input', 'output', 'cache_read']) as meter where subject = 'model'`,
]

/** The end of a step that the price book prices, compared with one whose cost is given. */
export async function pricedFinishes(bench) {
  const rows = bench.sizes.finishes
  for (const text of PRICES) await bench.client.query(text)
  const results = []
  for (const count of [1, AT_ONCE]) {
    const pool = await bench.poolOf(count)
    const store = openStore({ pool })
    const finishing = (end) => async () => {
      const runs = await together(Math.ceil(rows / 10), () => start(store))
      const steps = []
      for (let k = 0; k < 10; k++)
        steps.push(...(await Promise.all(runs.map((run) => startStep(run, k)))))
      await bench.client.query('checkpoint')
      let next = 0
      return () =>
        together(count, async () => {
          while (next < steps.length) await steps[next++].finish(end)
        })
    }
    const { cost: _, ...unpriced } = END
    const others = [{ what: 'with a given cost', side: finishing(END), goal: 0.7 }]
    const name = `step.finish priced, ${over(count)}`
    results.push(...(await compare(bench, { name, rows }, finishing(unpriced), others)))
  }
  return results
}

const over = (count) => `${count} connection${count === 1 ? '' : 's'}`

const start = (store) =>
  store.startExecution({
    workflowName: 'Lead enrichment',
    userId: BARE.user,
    mode: 'Sales',
    modelId: BARE.model,
    stepsTotal: 10,
  })

const startStep = (run, stepNumber) =>
  run.startStep({
    stepNumber,
    stepName: 'search',
    toolName: 'SEARCH',
    toolParameters: { limit: 20 },
  })

/** The rows of a run with one step, without checks: four statements, as many as the recorder sends. */
const LIFE = [
  `with run as (
     insert into workflow_executions (execution_id, workflow_name, user_id, mode, model_id, steps_total) values ($1, $2, $3, $4, $5, 10)
   )
   insert into audit_logs (log_id, execution_id, user_id, action_type, action_details, model_id)
   values ($6, $1, $3, 'workflow_start', 'Started workflow: ' || $2, $5)`,
  `with step as (
     insert into workflow_steps (execution_id, step_id, step_number, step_name, tool_name, tool_parameters, status, start_time)
     values ($1, $2, 1, 'search', 'SEARCH', $3, 'running', now())
   )
   insert into audit_logs (log_id, execution_id, step_id, user_id, action_type, action_details, tool_name, tool_input, model_id)
   values ($4, $1, $2, $5, 'step_start', 'Step 1: search', 'SEARCH', $3, $6)`,
  FINISH(TOTALS),
  `with run as (
     update workflow_executions set status = 'success', end_time = now() where execution_id = $1 returning *
   ), bill as (
     insert into billing_records (billing_id, user_id, execution_id, timestamp, model_id, tokens_total, cost, billing_period)
     select $2, user_id, execution_id, end_time, model_id, total_tokens, total_cost, to_char(end_time at time zone 'UTC', 'YYYY-MM')
     from run
   )
   insert into audit_logs (log_id, execution_id, user_id, action_type, action_details, tokens_used, cost, model_id)
   select $3, execution_id, user_id, 'workflow_end', 'Workflow completed', total_tokens, total_cost, model_id from run`,
]

async function bareRun(send) {
  const [execution, step] = [newId(), newId()]
  const { user, model } = BARE
  const values = [
    [execution, 'Lead enrichment', user, 'Sales', model, newId()],
    [execution, step, '{"limit": 20}', newId(), user, model],
    bareValues({ executionId: execution, stepId: step }),
    [execution, newId(), newId()],
  ]
  for (const [n, text] of LIFE.entries()) await send(n, { text, values: values[n] })
}

export async function wholeRuns(bench) {
  const rows = bench.sizes.wholeRuns
  const results = []
  for (const count of [1, AT_ONCE]) {
    const pool = await bench.poolOf(count)
    const store = openStore({ pool })
    const each = (work) => async () => () =>
      together(count, async (first) => {
        for (let n = first; n < rows; n += count) await work()
      })
    const ours = each(async () => {
      const run = await start(store)
      const step = await startStep(run, 1)
      await step.finish(END)
      await run.finish({ status: 'success' })
    })
    const bare = await bench.poolOf(count, WITHOUT_TRIGGERS)
    const side = each(() => bareRun((n, query) => bare.query({ ...query, name: `life_${n}` })))
    const name = `runs of 4 calls, ${over(count)}`
    const others = [{ what: '4 statements for the same rows, prepared', side, goal: 0.7 }]
    results.push(...(await compare(bench, { name, rows }, ours, others)))
  }
  return results
}
