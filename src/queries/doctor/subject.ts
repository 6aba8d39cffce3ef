import type pg from 'pg'
import { creationsOf, readMigration } from '../../db/migrate/files.ts'
import { HISTORY_TABLE } from '../../db/migrate/history.ts'
import * as d from '../../db/query/decode.ts'
import { type Queryable, query } from '../../db/query/query.ts'
import { checkSchema, MIGRATIONS } from '../../db/schema.ts'
import { WfstoreError } from '../../error.ts'

/** From where on a number is worth a warning. */
export interface Limits {
  /** Of one statement. */
  statementMs: number
  /** A lock that somebody holds for long costs a finding, not the night. */
  lockMs: number
  connectionShare: number
  transactionMs: number
  /** Below it an index that nobody reads costs next to nothing. */
  unusedBytes: number
  unanalysedRows: number
  /** The server stops taking writes at about 2.1 billion. */
  transactionIds: number
  growthBytes: number
  growthDays: number
}

export const LIMITS: Limits = {
  statementMs: 5000,
  lockMs: 1000,
  connectionShare: 0.8,
  transactionMs: 3_600_000,
  unusedBytes: 2 ** 20,
  unanalysedRows: 1000,
  transactionIds: 1.5e9,
  growthBytes: 2 ** 30,
  growthDays: 30,
}

/** What the checks are about. */
export interface Subject {
  /** In which the tables are, or would be. */
  schema: string
  /** The same, as SQL writes it. */
  quotedSchema: string
  /** The role of this connection, as SQL writes it. */
  role: string
  /** Is this one session of the server throughout? Behind a pooler a setting may stay with somebody else's. */
  direct: boolean
  /** Names of the tables that wfstore makes. */
  tables: string[]
  /** Names of the indexes that wfstore makes, but those of keys. */
  indexes: string[]
  /** So many times the usual time of its workflow makes a run stuck. */
  stuckFactor: number
  limits: Limits
  /** Why there is no schema of wfstore to look at; undefined where there is one. */
  absent: string | undefined
  /** A command line of wfstore for the schema that is looked at: 'migrate up'. */
  command: (words: string) => string
}

export interface DoctorOptions {
  stuckFactor: number
  /** As --schema names it. */
  schema?: string | undefined
  limits?: Partial<Limits>
}

export async function readSubject(client: pg.Client, options: DoctorOptions): Promise<Subject> {
  const [row] = await query(
    client,
    `select s.name as schema, quote_ident(s.name) as quoted_schema, quote_ident(current_user) as role, pg_backend_pid() as pid
     from coalesce(
       (select n.nspname from pg_class c join pg_namespace n on n.oid = c.relnamespace
        where c.oid = to_regclass('workflow_executions')), current_schema(), '') as s (name)`,
    [],
    { schema: d.text(), quotedSchema: d.text(), role: d.text(), pid: d.count() },
  )
  const files = await Promise.all(MIGRATIONS.map(readMigration))
  const made = files.flatMap(({ up }) => creationsOf(up))
  const named = (kind: string) => made.filter((one) => one.kind === kind).map(({ name }) => name)
  const { schema } = options
  return {
    schema: row?.schema ?? '',
    quotedSchema: row?.quotedSchema ?? '',
    role: row?.role ?? '',
    direct: row?.pid === (client as pg.Client & { processID: number | null }).processID,
    tables: [...named('table'), HISTORY_TABLE],
    indexes: named('index'),
    stuckFactor: options.stuckFactor,
    limits: { ...LIMITS, ...options.limits },
    absent: await absence(client),
    command: (words) => commandLine(words, schema),
  }
}

async function absence(database: Queryable): Promise<string | undefined> {
  try {
    await checkSchema(database)
  } catch (error) {
    if (!(error instanceof WfstoreError)) throw error
    if (error.code === 'schema_missing') return error.message
    if (error.code === 'unreachable') throw error
    // Behind, ahead or not to be read by this role: the checks say so.
  }
  return undefined
}

export const commandLine = (words: string, schema: string | undefined): string =>
  `wfstore ${words}${schema === undefined ? '' : ` --schema ${shellWord(schema)}`}`

export const shellWord = (text: string): string =>
  /^[\w.-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`

/** Tables of ours in the schema, for a FROM: $1 is the schema, $2 the names. */
export const OUR_TABLES = `(
  select c.*, format('%I.%I', n.nspname, c.relname) as qualified
  from pg_class c join pg_namespace n on n.oid = c.relnamespace
  where n.nspname = $1 and c.relname = any($2::text[]) and c.relkind in ('r', 'p'))`
