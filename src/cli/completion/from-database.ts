import { Command } from 'commander'
import type pg from 'pg'
import { assertNotCaptured } from '../../db/captures.ts'
import { connectClient } from '../../db/connect/connect.ts'
import type { Environment } from '../../db/connect/libpq.ts'
import { chooseDatabase, embeddedDir, isNamed, type Target } from '../../db/connect/target.ts'
import { sqlStateOf } from '../../db/query/errors.ts'
import { readSettings } from '../config/read.ts'
import type { Settings } from '../config/settings.ts'
import type { Io } from '../io.ts'
import type { GlobalOptions } from '../options/global.ts'
import type { Candidate, CompletionRequest } from './candidates.ts'

/**
 * Looks up names that begin with the typed text in the config or the database. The command line, the environment or the
 * config choose the database. It does not start an embedded server. @throws any error of the lookup
 */
export async function askStore(
  ask: NonNullable<CompletionRequest['ask']>,
  { prefix, database }: CompletionRequest,
  io: Io,
  env: Environment,
  ms: number,
): Promise<Candidate[]> {
  const options = new Command()
    .option('--database-url <url>')
    .option('--profile <name>')
    .option('--schema <name>')
    .exitOverride()
    .configureOutput({ outputError: () => {} })
  if (ask === 'profile') {
    const settings = await readSettings(options, TRAITS, io, env)
    const names = [...(settings.config?.profiles.keys() ?? [])]
    return names.filter((name) => name.startsWith(prefix)).map((value) => ({ value }))
  }
  const query = QUERIES[ask]
  if (!query) return []
  options.parse(database, { from: 'user' })
  const settings = await readSettings(options, TRAITS, io, env)
  const target = await targetOf(settings, options.opts<GlobalOptions>(), io, env)
  if (!target) return []
  const client = await connectClient({
    ...target,
    config: { ...target.config, connectionTimeoutMillis: ms },
  })
  try {
    return await rowsOf(client, query, prefix, ms)
  } finally {
    await client.end()
  }
}

const TRAITS = { path: 'complete', ownDatabase: false }

async function targetOf(
  settings: Settings,
  { databaseUrl, schema }: GlobalOptions,
  io: Io,
  env: Environment,
): Promise<Target | undefined> {
  const { profileDatabase } = await import('../config/database.ts')
  const named = databaseUrl ? { url: databaseUrl } : profileDatabase(settings, io, env, {})
  const { cwd } = io
  const choice = { env, cwd, schema, applicationName: 'wfstore complete' }
  if (named || isNamed(env)) return chooseDatabase({ ...choice, ...named })
  const { embeddedStatus } = await import('../../db/embedded/status.ts')
  const { url } = await embeddedStatus(embeddedDir(cwd), env)
  // The environment has no variables for the embedded server.
  return url === null ? undefined : chooseDatabase({ ...choice, env: {}, url })
}

async function rowsOf(client: pg.Client, query: string, prefix: string, ms: number) {
  await assertNotCaptured(client)
  const ask = async (text: string) => {
    const [, , { rows }] = await Promise.all([
      client.query('begin read only'),
      client.query("select set_config('statement_timeout', $1, true)", [String(ms)]),
      client.query<{ value: string; description?: string | null }>(text, [prefix]),
      client.query('commit'),
    ])
    return rows
  }
  const rows = await ask(query).catch((error) => {
    const simple = DISTRIBUTED[query]
    if (simple === undefined || sqlStateOf(error) !== '0A000') throw error
    return ask(simple)
  })
  return rows.map(({ value, description }) => (description ? { value, description } : { value }))
}

/** All values of the first column of an index, with one index lookup per value and at most 1000 lookups. */
const distinct = (column: string) => `
  with recursive each (value, number) as (
    (select ${column}, 1 from workflow_executions where ${column} >= $1 order by ${column} limit 1)
    union all
    select (select ${column} from workflow_executions where ${column} > each.value order by ${column} limit 1), number + 1
    from each where value is not null and number < 1000
  )
  select value from each where starts_with(value, $1) limit 200`

/** The values in the newest rows, for a column without an index. */
const recent = (column: string, from: string) => `
  select distinct ${column} as value from (${from}) as newest where starts_with(${column}, $1) order by 1 limit 200`

const NEWEST_RUNS = 'select * from workflow_executions order by start_time desc, execution_id desc'

const runs = (where: string) => `
  select execution_id::text as value, concat_ws(' ', status, workflow_name, user_id) as description
  from (${NEWEST_RUNS.replace(' order', `${where} order`)} limit 2000) as newest
  where starts_with(execution_id::text, lower($1)) order by start_time desc, execution_id desc limit 30`

const [USERS, WORKFLOWS] = ['user_id', 'workflow_name'].map(distinct) as [string, string]

/** Citus refuses a recursive statement: there the values are those of the newest runs. */
const DISTRIBUTED: Record<string, string> = {
  [USERS]: recent('user_id', `${NEWEST_RUNS} limit 2000`),
  [WORKFLOWS]: recent('workflow_name', `${NEWEST_RUNS} limit 2000`),
}

const QUERIES: Partial<Record<NonNullable<CompletionRequest['ask']>, string>> = {
  user: USERS,
  workflow: WORKFLOWS,
  mode: recent('mode', `${NEWEST_RUNS} limit 2000`),
  model: recent('model_id', `${NEWEST_RUNS} limit 2000`),
  tool: recent(
    'tool_name',
    `select tool_name from workflow_steps where execution_id in
      (select execution_id from (${NEWEST_RUNS} limit 200) as newest)`,
  ),
  action: recent(
    'action_type',
    'select action_type from audit_logs order by timestamp desc limit 2000',
  ),
  run: runs(''),
  running: runs(" where status = 'running'"),
  bill: `
    select billing_id::text as value, concat_ws(' ', billing_period, user_id, cost) as description
    from (select * from billing_records order by timestamp desc, billing_id desc limit 2000) as newest
    where starts_with(billing_id::text, lower($1)) order by timestamp desc, billing_id desc limit 30`,
  entry: `
    select log_id::text as value, concat_ws(' ', action_type, tool_name) as description
    from (select * from audit_logs order by timestamp desc, log_id desc limit 2000) as newest
    where starts_with(log_id::text, lower($1)) order by timestamp desc, log_id desc limit 30`,
}
