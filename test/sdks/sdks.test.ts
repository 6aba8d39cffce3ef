// Agents of real SDKs, in processes of their own, call a model server and export with the real exporters of OTLP.
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { openStore } from '../../src/index.ts'
import type { TestDatabase } from '../support/database.ts'
import { createMigrated } from '../support/migrated.ts'
import { runApplication } from './child.ts'
import { type Fault, openCommand, openDoor } from './door.ts'
import { type Answered, startModelServer } from './model-server.ts'
import { type Omission, storedSums, sumsOf } from './truth.ts'

interface Agent {
  file: string
  env?: Record<string, string>
  omission: Omission
}

const isStreamedChat = ({ api, stream }: Answered) => stream && api === '/v1/chat/completions'

const AGENTS: Record<string, Agent> = {
  'Vercel AI SDK': { file: 'vercel-ai', omission: { notSent: ['reasoning'] } },
  'Vercel AI SDK with its option usage': {
    file: 'vercel-ai',
    env: { AI_USAGE: '1' },
    omission: {},
  },
  OpenInference: {
    file: 'openinference',
    env: { STREAM: '1' },
    omission: { noUsage: isStreamedChat },
  },
  OpenLLMetry: {
    file: 'openllmetry',
    env: { STREAM: '1', TRACELOOP_ENRICH_TOKENS: 'false' },
    omission: { notSent: ['cacheRead', 'reasoning'], noUsage: isStreamedChat },
  },
}

const EXPORTERS = [
  { ENCODING: 'protobuf', PROCESSOR: 'batch', COMPRESSION: 'gzip' },
  { ENCODING: 'json', PROCESSOR: 'simple', COMPRESSION: 'none' },
  { ENCODING: 'json', PROCESSOR: 'batch', COMPRESSION: 'gzip' },
  { ENCODING: 'protobuf', PROCESSOR: 'simple', COMPRESSION: 'none' },
]
const cases = Object.entries(AGENTS).flatMap(([name, agent]) =>
  EXPORTERS.map((exporter) => ({ name, agent, exporter, how: Object.values(exporter).join(', ') })),
)

let database: TestDatabase
let models: Awaited<ReturnType<typeof startModelServer>>

beforeEach(async () => {
  database = await createMigrated('sdks')
  models = await startModelServer()
})
afterEach(async () => {
  await models.stop()
  await database.drop()
})

/** Runs an agent against an endpoint of wfstore, until each of its runs has ended. */
async function record(
  { file, env = {} }: Agent,
  exporter: Record<string, string>,
  fault?: Fault,
): Promise<void> {
  const door = await openDoor(database, fault)
  const agent = join(import.meta.dirname, `agents/${file}.mjs`)
  await runApplication(
    [agent],
    { models: models.url, otlp: door.url },
    { env: { ...exporter, ...env } },
  )
  await door.settle()
}

const tables = [
  'workflow_executions',
  'workflow_steps',
  'audit_logs',
  'wfstore_spans',
  'wfstore_traces',
]
/** The tables with the prompt of the agents or an answer of the model server. */
const withContent = async () => {
  const found: string[] = []
  for (const table of tables)
    if (
      (await database.sql(`select from ${table} t where t::text ~ 'Paris|It rains' limit 1`))
        .length > 0
    )
      found.push(table)
  return found
}

describe('each token of the model server is in the store once, by model, and no prompt or answer', () => {
  const test = (tags: 'slow'[], which: typeof cases) =>
    it.each(which)('$name, exported with $how', { tags }, async ({ agent, exporter }) => {
      await record(agent, exporter)
      expect(models.log.length).toBeGreaterThan(5)
      expect(await storedSums(database)).toEqual(sumsOf(models.log, agent.omission))
      expect(await withContent()).toEqual([])
    })
  // Each SDK once and each exporter once; the other combinations are slow tests.
  const isFirst = (place: number) => place % (EXPORTERS.length + 1) === 0
  test(
    [],
    cases.filter((_, place) => isFirst(place)),
  )
  test(
    ['slow'],
    cases.filter((_, place) => !isFirst(place)),
  )
})

it('an exporter sends again what got 503, and what was committed counts once', {
  tags: 'slow',
}, async () => {
  const faults: Record<number, ReturnType<Fault>> = { 1: 'after', 3: 'before' }
  const agent = { file: 'vercel-ai', env: { AI_USAGE: '1' }, omission: {} }
  await record(agent, EXPORTERS[0] ?? {}, (request) => faults[request])
  expect(await storedSums(database)).toEqual(sumsOf(models.log))
})

it('prompts and answers are stored with --content', async () => {
  const door = await openCommand(database, 'wfstore ingest --content --listen 127.0.0.1:4318')
  const agent = join(import.meta.dirname, 'agents/openinference.mjs')
  await runApplication([agent], { models: models.url, otlp: door.url }, { env: EXPORTERS[0] ?? {} })
  await door.settle()
  expect(await withContent()).toEqual(['workflow_steps', 'audit_logs', 'wfstore_spans'])
})

const runs = () =>
  database.sql(
    `select e.workflow_name as workflow, e.user_id as user, e.mode, e.status, e.error_message as error
     from workflow_executions e join billing_records b using (execution_id)
     where b.cost = e.total_cost order by e.start_time`,
  )
const run = (workflow: string, error: string | null = null) => ({
  ...{ workflow, user: 'user-7', mode: 'weather', error },
  status: error === null ? 'success' : 'failed',
})

describe('each agent is one run with its name, user, mode, status and bill', () => {
  const exporter = EXPORTERS[0] ?? {}

  it('Vercel AI SDK: a tool that fails and a call that is sent again do not fail the run', async () => {
    await record({ file: 'vercel-ai', omission: {} }, exporter)
    expect(await runs()).toEqual([
      ...['loop', 'chat', 'cached', 'tool fails', 'retried'].map((name) => run(name)),
      ...['streamed', 'streamed', 'streamed'].map((name) => run(name)),
      run('failed', 'The model gpt-9 does not exist'),
    ])
    const failed = `select tool_name, error_message from workflow_steps where status = 'failed' order by start_time`
    expect(await database.sql(failed)).toMatchObject([
      { tool_name: 'broken', error_message: 'the weather service is closed' },
      { tool_name: null, error_message: 'The model gpt-9 does not exist' },
    ])
  })

  it('OpenInference', async () => {
    await record({ file: 'openinference', omission: {} }, exporter)
    expect(await runs()).toEqual([
      run('weather-agent'),
      run('retried'),
      run('failed', '404 The model gpt-9 does not exist'),
      run('responses'),
    ])
  })

  it('OpenLLMetry', async () => {
    await record({ file: 'openllmetry', omission: {} }, exporter)
    expect(await runs()).toEqual([
      run('weather-agent'),
      run('weather-agent'),
      run('weather-agent', '404 The model gpt-9 does not exist'),
    ])
  })
})

it('the cost by model is that of an engine that records the same calls with the library', async () => {
  const agent = { file: 'vercel-ai', env: { AI_USAGE: '1' }, omission: {} }
  const engine = await createMigrated('engine')
  for (const { url } of [database, engine]) {
    const store = openStore({ databaseUrl: url })
    await store.prices.import()
    await store.close()
  }
  await record(agent, EXPORTERS[0] ?? {})
  const store = openStore({ databaseUrl: engine.url })
  const about = { workflowName: 'w', userId: 'user-7', mode: 'weather', modelId: 'gpt-5' }
  await store.run(about, async (run) => {
    for (const [place, { model, api, used }] of models.log.entries()) {
      const step = await run.startStep({ stepNumber: place + 1, stepName: 'chat' })
      const provider = api === '/v1/messages' ? 'anthropic' : 'openai'
      await step.finish({
        status: 'success',
        modelId: model,
        provider,
        ...(used && { tokens: used }),
      })
    }
  })
  await store.close()
  const costs = ({ sql }: TestDatabase) =>
    sql(`select model_id, sum(cost)::text as cost from workflow_steps
      where tokens_used > 0 and cost > 0 and cost_source = 'priced' group by 1 order by 1`)
  expect(await costs(database)).toEqual(await costs(engine))
  expect(await costs(engine)).toHaveLength(3)
  await engine.drop()
})

it('an engine that records its run under the id of its trace has no second run or step of its spans', async () => {
  // It imports dist/, so it needs `npm run build`.
  await record(
    { file: 'engine', env: { DATABASE_URL: database.url }, omission: {} },
    EXPORTERS[0] ?? {},
  )
  expect(await database.sql('select step_name from workflow_steps')).toEqual([
    { step_name: 'search' },
  ])
  expect(await storedSums(database)).toEqual(sumsOf(models.log))
  const runs = `select e.workflow_name, e.status, t.state, b.tokens_total = e.total_tokens as billed,
      (select count(*)::int from wfstore_spans) as spans
    from workflow_executions e join billing_records b using (execution_id)
    join wfstore_traces t on t.trace_id = e.execution_id
    where replace(e.execution_id::text, '-', '') = e.metadata ->> 'traceId'`
  expect(await database.sql(runs)).toEqual([
    {
      workflow_name: 'Lead enrichment',
      status: 'success',
      state: 'recorded',
      billed: true,
      spans: 4,
    },
  ])
})

describe('what docs/OPENTELEMETRY.md says about streamed chats of OpenAI', () => {
  const streamed = () =>
    database.sql(
      `select s.tokens_used::int as tokens, s.tokens_input::int as input, s.tokens_output::int as output
       from workflow_steps s join workflow_executions e using (execution_id)
       order by s.start_time desc limit 1`,
    )
  const findings = () =>
    database.sql(`select jsonb_path_query(findings, '$[*].code') #>> '{}' as finding
    from wfstore_traces where findings <> '[]'`)

  it.each(['openinference', 'openllmetry'])(
    '%s reports no usage, which is visible',
    async (file) => {
      const env = { STREAM: '1', TRACELOOP_ENRICH_TOKENS: 'false' }
      await record({ file, env, omission: {} }, EXPORTERS[0] ?? {})
      expect(await streamed()).toEqual([{ tokens: 0, input: null, output: null }])
      expect(await findings()).toMatchObject([{ finding: 'no_usage' }])
    },
  )

  it('OpenLLMetry counts other tokens than OpenAI sends, if TRACELOOP_ENRICH_TOKENS is not false', async () => {
    await record({ file: 'openllmetry', env: { STREAM: '1' }, omission: {} }, EXPORTERS[0] ?? {})
    const used = models.log.at(-1)?.used
    expect(used?.input).toBeGreaterThan(1000)
    expect(await streamed()).toEqual([{ tokens: 4, input: 1, output: 3 }])
  })
})
