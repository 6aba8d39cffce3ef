import type pg from 'pg'
import { assertNotCaptured, isCaptured } from '../../db/captures.ts'
import { layoutOf } from '../../db/distributed/cluster.ts'
import type { Layout } from '../../db/distributed/layout.ts'
import { schemaFlag } from '../../db/homes.ts'
import { creationsOf, readMigration } from '../../db/migrate/files.ts'
import { HISTORY_TABLE } from '../../db/migrate/history.ts'
import * as d from '../../db/query/decode.ts'
import { query } from '../../db/query/query.ts'
import { type Sql, sql } from '../../db/query/sql.ts'
import { rollback, run } from '../../db/query/transaction.ts'
import type { ReplicaOptions } from '../../db/replica/replica.ts'
import { checkSchema, MIGRATIONS } from '../../db/schema.ts'
import { WfstoreError } from '../../error.ts'
import { stuckLimit } from '../executions/running.ts'

/** The limits above which a check gives a warning. */
export interface DoctorLimits {
  /** The time of one statement. */
  statementMs: number
  /** A check gives up after this wait, so that a long lock cannot block the command. */
  lockMs: number
  /** A time service keeps a clock within a tenth of a second. With 2 s, steps are in the wrong order. */
  clockMs: number
  connectionShare: number
  transactionMs: number
  /** A smaller unused index costs almost nothing. */
  /** A transaction of this age that holds an exclusive lock on a table is a problem. */
  exclusiveMs: number
  /** Fewer dead rows of a table make no difference. */
  deadRows: number
  unusedBytes: number
  unanalysedRows: number
  /** The server refuses all writes at about 2.1 billion. */
  transactionIds: number
  growthBytes: number
  growthDays: number
}

const LIMITS: DoctorLimits = {
  statementMs: 5000,
  lockMs: 1000,
  clockMs: 2000,
  connectionShare: 0.8,
  transactionMs: 3_600_000,
  exclusiveMs: 1000,
  // As the rule PostgresqlTooManyDeadTuples of https://samber.github.io/awesome-prometheus-alerts/rules.
  deadRows: 10_000,
  unusedBytes: 2 ** 20,
  unanalysedRows: 1000,
  transactionIds: 1.5e9,
  growthBytes: 2 ** 30,
  growthDays: 30,
}

/** The replica that reports are read from. */
export type ExaminedReplica = Omit<ReplicaOptions, 'primary' | 'check'>

/** What the checks examine. */
export interface Subject {
  /** The schema of the tables, or the one in which `migrate up` would create them. */
  schema: string
  /** The same, quoted for SQL. */
  quotedSchema: string
  /** The role of this connection, quoted for SQL. */
  role: string
  /** False behind a pooler, which may pass a session with its settings to another client. */
  direct: boolean
  /** The names of the tables that wfstore creates. */
  tables: string[]
  /** The names of the indexes that wfstore creates, except those of keys. */
  indexes: string[]
  /** A running run is stuck without a write for this number of milliseconds. */
  stuckAfterMs: number
  /** Check all runs and bills instead of a sample. */
  full: boolean
  limits: DoctorLimits
  /** The clock of this machine, in milliseconds since 1970. */
  now: () => number
  /** Who holds an exclusive lock on a table. */
  locked?: string
  /** Why there is no wfstore schema to check; undefined if there is one. */
  absent: string | undefined
  layout: Layout
  /** The objects of another role that our statements would run; undefined if there are none. */
  captured: string | undefined
  replica: ExaminedReplica | undefined
  /** Adds `wfstore` and, if needed, --schema to a command such as 'migrate up'. */
  command: (words: string) => string
}

export interface DoctorOptions {
  /** (default: STUCK_AFTER_MS) */
  stuckAfterMs?: number | undefined
  /** Compare all runs with their steps and all bills with their lines (default: a sample). */
  full?: boolean | undefined
  replica?: ExaminedReplica | undefined
  /** The value of --schema. */
  schema?: string | undefined
  limits?: Partial<DoctorLimits>
  /** The clock of this machine (default: Date.now). */
  now?: (() => number) | undefined
}

export async function readSubject(client: pg.Client, options: DoctorOptions): Promise<Subject> {
  const [row] = await query(
    client,
    // Everything is qualified: nothing has looked for operators of other roles yet.
    `select s.name as schema, pg_catalog.quote_ident(s.name) as quoted_schema,
       pg_catalog.quote_ident(current_user::pg_catalog.text) as role, pg_catalog.pg_backend_pid() as pid
     from coalesce(
       (select n.nspname from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid operator(pg_catalog.=) c.relnamespace
        where c.oid operator(pg_catalog.=) pg_catalog.to_regclass('workflow_executions')::pg_catalog.oid),
       pg_catalog.current_schema(), '') as s (name)`,
    { schema: d.text(), quotedSchema: d.text(), role: d.text(), pid: d.count() },
  )
  const files = await Promise.all(MIGRATIONS.map(readMigration))
  const made = files.flatMap(({ up }) => creationsOf(up))
  const named = (kind: string) => made.filter((one) => one.kind === kind).map(({ name }) => name)
  const { schema } = options
  const limits = { ...LIMITS, ...options.limits }
  const direct = row?.pid === (client as pg.Client & { processID: number | null }).processID
  return {
    schema: row?.schema ?? '',
    quotedSchema: row?.quotedSchema ?? '',
    role: row?.role ?? '',
    direct,
    tables: [...named('table'), HISTORY_TABLE],
    indexes: named('index'),
    stuckAfterMs: stuckLimit(options.stuckAfterMs),
    full: options.full === true,
    limits,
    now: options.now ?? Date.now,
    replica: options.replica,
    ...(await readiness(client, { direct, limits }, row?.schema ?? '')),
    command: (words) => commandLine(words, schema),
  }
}

async function readiness(
  client: pg.Client,
  within: Within,
  schema: string,
): Promise<Pick<Subject, 'absent' | 'captured' | 'layout'>> {
  const neither = { absent: undefined, captured: undefined, layout: 'single' as Layout }
  try {
    await withLimits(client, within, async () => {
      // The check of the schema may have to wait for a lock.
      await assertNotCaptured(client)
      neither.layout = await checkSchema(client)
    })
  } catch (error) {
    if (!(error instanceof WfstoreError)) throw error
    if (isCaptured(error)) return { ...neither, captured: error.message }
    if (error.code === 'schema_missing') return { ...neither, absent: error.message }
    if (error.code === 'unreachable') throw error
    // The checks report a schema that is behind, ahead, locked or not readable.
    neither.layout = await layoutOf(client, schema)
  }
  return neither
}

type Within = Pick<Subject, 'direct' | 'limits'>

/** Sets the limits for the session, unless a pooler shares it with other clients. */
export async function withLimits<T>(
  client: pg.Client,
  { direct, limits }: Within,
  work: () => Promise<T>,
): Promise<T> {
  if (!direct) return work()
  const former = await settingsOf(client)
  await run(client, limited('set', limits))
  try {
    return await work()
  } finally {
    await rollback(client)
    // A server keeps its own limits on the connections of its pool.
    await client.query(former).catch(() => {})
  }
}

/** SQL that sets the limits of the session again as they are now. SHOW runs nothing of another role. */
async function settingsOf(client: pg.Client): Promise<string> {
  const sets: string[] = []
  for (const name of ['statement_timeout', 'lock_timeout']) {
    const { rows } = await client.query(`show ${name}`)
    sets.push(`set ${name} = '${rows[0]?.[name] ?? 0}'`)
  }
  return sets.join('; ')
}

/** A statement that waits or runs for longer is given up. */
export const limited = (set: string, limits: DoctorLimits): string =>
  `${set} statement_timeout = ${limits.statementMs}; ${set} lock_timeout = ${limits.lockMs}`

/** These queries are short: compiling them would take longer than running them. */
export const beginWithin = ({ limits, captured }: Pick<Subject, 'limits' | 'captured'>): string =>
  `begin isolation level read committed read only; set local jit = off; set local row_security = off; ${limited('set local', limits)}${captured === undefined ? '' : '; set local search_path = pg_catalog'}`

export const commandLine = (words: string, schema: string | undefined): string =>
  `wfstore ${words}${schema === undefined ? '' : ` ${schemaFlag(schema)}`}`

/** Our tables in the schema, for a FROM clause. */
export const ourTables = ({ schema, tables }: Pick<Subject, 'schema' | 'tables'>): Sql => sql`(
  select c.*, format('%I.%I', n.nspname, c.relname) as qualified
  from pg_class c join pg_namespace n on n.oid = c.relnamespace
  where n.nspname = ${schema} and c.relname = any(${tables}::text[]) and c.relkind in ('r', 'p'))`
