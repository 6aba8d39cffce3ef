import type { Command } from 'commander'
import type { DistributedTable, Distribution } from '../../../db/distributed/distribute.ts'
import { plural } from '../../../numbers.ts'
import type { Context } from '../../context.ts'
import { explain } from '../../help/page.ts'
import { isData } from '../../options/global.ts'
import { checkOutput } from '../../options/output.ts'
import { wholeNumber } from '../../options/values.ts'
import type { Column } from '../../output/column.ts'
import { addMigrationOptions, type MigrationFlags, planColumns, printPlan } from './options.ts'

interface DistributeFlags extends MigrationFlags {
  shards?: number
  undo?: boolean
}

const tableColumns: Column<DistributedTable>[] = [
  { name: 'table', kind: 'text' },
  { name: 'place', kind: 'text' },
  { name: 'rows', kind: 'count' },
  { name: 'estimated', kind: 'boolean' },
  { name: 'bytes', kind: 'count' },
]
const columns: Column<Distribution>[] = [
  { name: 'changed', kind: 'boolean' },
  { name: 'layout', kind: 'text' },
  { name: 'shards', kind: 'count' },
  { name: 'nodes', kind: 'count' },
  { name: 'tables', kind: 'rows', columns: tableColumns },
]

/** Citus has no more. */
const MOST_SHARDS = 64_000

export function define(migrate: Command, context: Context): void {
  const command = migrate
    .command('distribute')
    .summary('Distribute the tables over the nodes of a Citus cluster')
    .description(
      'Distribute the tables over the nodes of a Citus cluster, by execution. Connect to its coordinator. Other sessions wait until it has finished.',
    )
    .option(
      '--shards <number>',
      'shards of each table (default: citus.shard_count of the server)',
      wholeNumber(1, MOST_SHARDS),
    )
    .option('--undo', 'bring all rows back to this server')
  explain(addMigrationOptions(command), {
    about:
      'One transaction; after a failure or a kill it can be run again. Without a terminal, --yes is required.',
    exit: '4 if the schema has something that cannot be distributed, 5 if another migration is running.',
    examples: [
      'wfstore migrate distribute --dry-run',
      'wfstore migrate distribute --shards 32 --yes',
      'wfstore migrate distribute --undo',
    ],
  }).action(async () => {
    const options = command.optsWithGlobals<DistributeFlags>()
    checkOutput<never>(options.dryRun ? planColumns : columns, options)
    const { distribute, planDistribution } = await import('../../../db/distributed/distribute.ts')
    const client = await context.connect(options)
    const writer = context.writer(options)
    const settings = {
      schema: options.schema,
      layout: options.undo ? ('single' as const) : undefined,
      shards: options.shards,
      lockWaitMs: options.lockWait * 1000,
      lockTimeoutMs: options.lockTimeout,
      notice: (line: string) => writer.note(line),
      connectAnother: () => context.connect(options),
    }
    if (options.dryRun) {
      const steps = await planDistribution(client, settings)
      if (steps.length === 0) writer.note(already(options.undo))
      if (steps.length > 0 || isData(options)) await printPlan(context, options, steps)
      return
    }
    const confirm = () => context.confirm('Continue?', { yes: options.yes, unattended: 'refuse' })
    const result = await distribute(client, { ...settings, confirm })
    if (isData(options)) await writer.record(columns, result)
    else await writer.sentence(result.changed ? summary(result) : already(options.undo))
  })
}

const already = (undo = false) =>
  undo ? 'the store is on one server' : 'the store is already distributed'

const summary = ({ shards, nodes }: Distribution) =>
  shards === null
    ? 'the store is on this server again'
    : `distributed the store: ${plural(shards, 'shard')} of each table on ${plural(Math.max(nodes, 1), 'node')}`
