import type pg from 'pg'
import { WfstoreError } from '../../error.ts'
import { formatBytes, plural } from '../../numbers.ts'
import { cleanupLock } from '../cleanup-lock.ts'
import { assertSound, readStatus } from '../migrate/history.ts'
import { lockTables, withAdvisoryLock, withLockRetries } from '../migrate/lock.ts'
import type { MigrationStep } from '../migrate/plan.ts'
import { type MigrateOptions, withMigrationLock, withMigrationSession } from '../migrate/up.ts'
import * as d from '../query/decode.ts'
import { query } from '../query/query.ts'
import { run, transaction } from '../query/transaction.ts'
import { checkSchema } from '../schema.ts'
import { compareSchema, countRows, isFault, type TableCount } from '../verify/compare.ts'
import { layoutOf, readCluster, readObstacles } from './cluster.ts'
import { COPIED, distributionColumn, type Layout, SHARDED } from './layout.ts'
import { afterwards, statementsFor } from './statements.ts'

type Settings = Pick<
  MigrateOptions,
  'schema' | 'lockWaitMs' | 'lockTimeoutMs' | 'notice' | 'connectAnother'
>

export interface DistributeOptions extends Settings {
  /** The layout to make (default: distributed). */
  layout?: Layout | undefined
  /** The number of shards of each table (default: citus.shard_count of the server). */
  shards?: number | undefined
  /** Called before the first change; throws to cancel. */
  confirm: () => Promise<void>
}

export interface Distribution {
  /** False if the store already had this layout. */
  changed: boolean
  layout: Layout
  /** The number of shards of each table; null on one server. */
  shards: number | null
  /** The number of nodes that may have shards. */
  nodes: number
  tables: DistributedTable[]
}

export interface DistributedTable extends TableCount {
  /** execution: on the shard of its execution; copied: every node has a copy; coordinator: only there. */
  place: 'execution' | 'copied' | 'coordinator'
}

/**
 * Makes a migrated store a distributed one, or brings its rows back to one server: one transaction, for which other sessions wait. After
 * a failure or a kill nothing has changed, or everything; it can be run again.
 * @throws WfstoreError failed (no coordinator), schema_behind, schema_differs (with the obstacles), locked, permission_denied
 */
export function distribute(client: pg.Client, options: DistributeOptions): Promise<Distribution> {
  const { lockWaitMs, notice, confirm } = options
  const lock = { waitMs: lockWaitMs, notice, doing: 'cleaning up' }
  return withMigrationSession(client, options, (schema) =>
    withMigrationLock(client, schema, options, () =>
      withAdvisoryLock(client, cleanupLock(schema), lock, async () => {
        const { step, distribution } = await planFor(client, schema, options)
        if (distribution.changed) {
          sayTables(distribution, notice)
          await confirm()
          await apply(client, schema, step.statements, options)
        }
        for (const statement of step.after ?? []) await run(client, statement)
        return distribution
      }),
    ),
  )
}

/** What `distribute` would run. @throws WfstoreError as distribute */
export function planDistribution(
  client: pg.Client,
  options: Omit<DistributeOptions, 'confirm'>,
): Promise<MigrationStep[]> {
  return withMigrationSession(client, options, async (schema) => {
    const { step, distribution } = await planFor(client, schema, options)
    if (!distribution.changed) return []
    sayTables(distribution, options.notice)
    return [step]
  })
}

const PLACES: Record<DistributedTable['place'], string> = {
  execution: 'on the shard of its execution',
  copied: 'a copy on every node',
  coordinator: 'stays on the coordinator',
}

function sayTables({ layout, tables }: Distribution, notice: (line: string) => void): void {
  for (const { table, rows, bytes, place } of tables) {
    const size = `${table}: ${plural(rows ?? 0, 'row')}, ${formatBytes(bytes)}`
    notice(layout === 'single' ? size : `${size}, ${PLACES[place]}`)
  }
}

async function planFor(
  client: pg.Client,
  schema: string,
  { layout = 'distributed', shards: wanted }: Pick<DistributeOptions, 'layout' | 'shards'>,
): Promise<{ step: MigrationStep; distribution: Distribution }> {
  const cluster = await readCluster(client)
  const changed = (await layoutOf(client, schema)) !== layout
  const counted = await countRows(client, schema)
  const tables = counted.map((table) => ({ ...table, place: placeOf(table.table) }))
  if (changed) await assertReady(client, schema, layout)
  const shards =
    layout === 'single' ? null : changed ? (wanted ?? cluster.shards) : await readShards(client)
  return {
    distribution: { changed, layout, shards, nodes: cluster.nodes, tables },
    step: {
      migration: undefined,
      direction: layout === 'single' ? 'down' : 'up',
      transaction: true,
      statements: changed ? await statementsFor(layout, schema, shards ?? 0) : [],
      after: afterwards(layout, schema),
    },
  }
}

/** @throws WfstoreError if the schema is not what the migrations make, or has what a distributed table cannot have */
async function assertReady(client: pg.Client, schema: string, wanted: Layout): Promise<void> {
  await checkSchema(client, { setsItsOwn: true })
  assertSound(await readStatus(client, schema))
  const faults = (await compareSchema(client, schema)).filter(isFault)
  if (faults.length > 0)
    throw new WfstoreError(
      'schema_differs',
      `the schema differs from its migrations: ${plural(faults.length, 'difference')}`,
      { hint: 'run `wfstore migrate verify` and the statements that it prints' },
    )
  const obstacles = wanted === 'single' ? [] : await readObstacles(client, schema)
  if (obstacles.length > 0)
    throw new WfstoreError(
      'schema_differs',
      `the store cannot be distributed: ${obstacles.map(({ what }) => what).join('; ')}`,
      { hint: `nothing was changed; to fix this: ${obstacles.map(({ fix }) => fix).join('; ')}` },
    )
}

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
        const [, table] = /^select \w+_table\('(\w+)'/.exec(statement) ?? []
        if (table) notice(`moving ${table}`)
        await run(client, statement)
      }
    }),
  )
}

async function readShards(client: pg.Client): Promise<number> {
  const [found] = await query(
    client,
    `select count(*) as shards from pg_dist_shard where logicalrelid = 'workflow_executions'::regclass`,
    { shards: d.count() },
  )
  return found?.shards ?? 0
}

function placeOf(table: string): DistributedTable['place'] {
  if (![...SHARDED, ...COPIED].some((name) => name === table)) return 'coordinator'
  return distributionColumn(table) === undefined ? 'copied' : 'execution'
}
