import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import pg from 'pg'
import { WfstoreError } from '../../error.ts'
import { plural } from '../../numbers.ts'
import { cleanupLock } from '../cleanup-lock.ts'
import { migrationsDir, splitStatements } from '../migrate/files.ts'
import { assertSound, readStatus } from '../migrate/history.ts'
import { lockTables, withAdvisoryLock, withLockRetries } from '../migrate/lock.ts'
import type { MigrationStep } from '../migrate/plan.ts'
import { quotedSchema } from '../migrate/session.ts'
import { type MigrateOptions, withMigrationLock, withMigrationSession } from '../migrate/up.ts'
import * as d from '../query/decode.ts'
import { query } from '../query/query.ts'
import { run, transaction } from '../query/transaction.ts'
import { checkSchema } from '../schema.ts'
import { compareSchema, countRows, isFault, type TableCount } from '../verify/compare.ts'
import { layoutOf, readCluster, readObstacles } from './cluster.ts'
import { COPIED, SHARDED } from './layout.ts'

type Settings = Pick<
  MigrateOptions,
  'schema' | 'lockWaitMs' | 'lockTimeoutMs' | 'notice' | 'connectAnother'
>

export interface DistributeOptions extends Settings {
  /** The number of shards of each table (default: citus.shard_count of the server). */
  shards?: number | undefined
  /** Called before the first change; throws to cancel. */
  confirm: () => Promise<void>
}

export interface Distribution {
  /** False if the store was already distributed. */
  distributed: boolean
  shards: number
  /** The number of nodes that may have shards. */
  nodes: number
  tables: DistributedTable[]
}

export interface DistributedTable extends TableCount {
  /** execution: on the shard of its execution; copied: every node has a copy; coordinator: only there. */
  place: 'execution' | 'copied' | 'coordinator'
}

/**
 * Makes a migrated store a distributed one: one transaction, for which other sessions wait. After a failure or a kill nothing
 * has changed, or everything; it can be run again.
 * @throws WfstoreError failed (no coordinator), schema_behind, schema_differs (with the obstacles), locked, permission_denied
 */
export function distribute(client: pg.Client, options: DistributeOptions): Promise<Distribution> {
  return withMigrationSession(client, options, (schema) =>
    withMigrationLock(client, schema, options, () =>
      withAdvisoryLock(
        client,
        cleanupLock(schema),
        { waitMs: options.lockWaitMs, notice: options.notice, doing: 'cleaning up' },
        async () => {
          const plan = await planFor(client, schema, options)
          if (plan.step) {
            for (const { table, rows, bytes, place } of plan.distribution.tables)
              options.notice(`${table}: ${plural(rows ?? 0, 'row')}, ${bytes} bytes, ${place}`)
            await options.confirm()
            await apply(client, schema, plan.step.statements, options)
          }
          for (const statement of plan.after) await run(client, statement)
          return plan.distribution
        },
      ),
    ),
  )
}

/** What `distribute` would run. @throws WfstoreError as distribute */
export function planDistribution(
  client: pg.Client,
  options: Omit<DistributeOptions, 'confirm'>,
): Promise<MigrationStep[]> {
  return withMigrationSession(client, options, async (schema) => {
    const { step } = await planFor(client, schema, options)
    return step ? [step] : []
  })
}

interface Plan {
  /** Undefined if the store is distributed. */
  step: MigrationStep | undefined
  after: string[]
  distribution: Distribution
}

async function planFor(
  client: pg.Client,
  schema: string,
  { shards: wanted }: Pick<DistributeOptions, 'shards'>,
): Promise<Plan> {
  const cluster = await readCluster(client)
  const layout = await layoutOf(client, schema)
  const shards = wanted ?? cluster.shards
  const after = [noteSequences(schema)]
  const tables = (await countRows(client, schema)).map((table) => ({
    ...table,
    place: placeOf(table.table),
  }))
  const distribution = { distributed: layout === 'single', shards, nodes: cluster.nodes, tables }
  if (layout === 'distributed') {
    const found = { ...distribution, shards: await readShards(client) }
    return { step: undefined, after, distribution: found }
  }
  await checkSchema(client)
  assertSound(await readStatus(client, schema))
  const faults = (await compareSchema(client, schema)).filter(isFault)
  if (faults.length > 0)
    throw new WfstoreError(
      'schema_differs',
      `the schema differs from its migrations: ${plural(faults.length, 'difference')}`,
      { hint: 'run `wfstore migrate verify` and the statements that it prints' },
    )
  const obstacles = await readObstacles(client, schema)
  if (obstacles.length > 0)
    throw new WfstoreError(
      'schema_differs',
      `the store cannot be distributed: ${obstacles.map(({ what }) => what).join('; ')}`,
      {
        hint: `nothing was changed; to fix this: ${obstacles.map(({ fix }) => fix).join('; ')}`,
      },
    )
  const statements = await distributeStatements(schema, shards)
  const step = { migration: undefined, direction: 'up' as const, transaction: true, statements }
  return { step: { ...step, after }, after, distribution }
}

/** The statements of migrations/layouts/distributed.sql for a schema. */
async function distributeStatements(schema: string, shards: number): Promise<string[]> {
  const script = await readFile(join(migrationsDir(), 'layouts', 'distributed.sql'), 'utf8')
  return splitStatements(
    script
      .replaceAll(/(?<!:):schema\b/g, pg.escapeLiteral(quotedSchema(schema)))
      .replaceAll(/(?<!:):path\b/g, quotedSchema(schema))
      .replaceAll(/(?<!:):shards\b/g, String(shards)),
  )
}

/** A retry is possible only before the first statement has changed something. */
async function apply(
  client: pg.Client,
  schema: string,
  statements: readonly string[],
  { lockTimeoutMs, notice }: Settings,
): Promise<void> {
  const tables = [...SHARDED, ...COPIED]
  await withLockRetries(client, { schema, tables, lockTimeoutMs, notice }, () =>
    transaction(client, async () => {
      await lockTables(client, tables, lockTimeoutMs)
      for (const statement of statements) {
        const [, table] = /^select create_\w+_table\('(\w+)'/.exec(statement) ?? []
        if (table) notice(`distributing ${table}`)
        await run(client, statement)
      }
    }),
  )
}

/** A worker notes there when another client than wfstore wrote. Citus does not create this sequence on workers. */
const noteSequences = (schema: string): string =>
  `select run_command_on_workers(${pg.escapeLiteral(`create sequence if not exists ${quotedSchema(schema)}.wfstore_other_writes`)})`

async function readShards(client: pg.Client): Promise<number> {
  const [found] = await query(
    client,
    `select count(*) as shards from pg_dist_shard where logicalrelid = 'workflow_executions'::regclass`,
    { shards: d.count() },
  )
  return found?.shards ?? 0
}

const placeOf = (table: string): DistributedTable['place'] =>
  (SHARDED as readonly string[]).includes(table)
    ? 'execution'
    : (COPIED as readonly string[]).includes(table)
      ? 'copied'
      : 'coordinator'
