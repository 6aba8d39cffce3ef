import type { Command } from 'commander'
import type { MigrateResult } from '../../../db/migrate/up.ts'
import type { Context } from '../../context.ts'
import { explain } from '../../help/page.ts'
import type { GlobalOptions } from '../../options/global.ts'
import { isData } from '../../options/global.ts'
import { checkOutput } from '../../options/output.ts'
import type { Column } from '../../output/column.ts'
import {
  addMigrationOptions,
  type MigrationFlags,
  parseCount,
  planColumns,
  printPlan,
} from './options.ts'

interface UpFlags extends MigrationFlags {
  legacyTz: string
  to?: string
}

interface DownFlags extends MigrationFlags {
  force?: boolean
}

type Names = Record<string, readonly string[]>

const namesColumn = <Row extends Names>(name: keyof Row & string): Column<Row> => ({
  name,
  kind: 'json',
  value: (row) => JSON.stringify(row[name]),
})

const upColumns: Column<MigrateResult>[] = [
  { name: 'applied', kind: 'json', value: ({ applied }) => JSON.stringify(applied) },
  { name: 'adopted', kind: 'boolean', value: ({ adopted }) => adopted !== null },
  { name: 'created', kind: 'json', value: ({ adopted }) => JSON.stringify(adopted?.created ?? []) },
  {
    name: 'recreated',
    kind: 'json',
    value: ({ adopted }) => JSON.stringify(adopted?.recreated ?? []),
  },
  { name: 'rebuilt', kind: 'json', value: ({ rebuilt }) => JSON.stringify(rebuilt) },
  { name: 'removed', kind: 'json', value: ({ removed }) => JSON.stringify(removed) },
  { name: 'revoked', kind: 'json', value: ({ revoked }) => JSON.stringify(revoked) },
  { name: 'pending', kind: 'json', value: ({ pending }) => JSON.stringify(pending) },
]
const downColumns = [namesColumn<{ reverted: string[] }>('reverted')]
const redoColumns = [namesColumn<{ redone: string[] }>('redone')]

export function define(migrate: Command, context: Context): void {
  const up = migrate
    .command('up')
    .argument('[count]', 'number of migrations to apply (default: all)', parseCount)
  up.summary('Create or update the schema')
    .description(
      'Create or update the schema, or adopt the tables of the old application in place.',
    )
    .option('--to <name>', 'last migration to apply: its name or number')
    .option('--legacy-tz <zone>', 'zone of the old times, or column=zone,…', 'UTC')
  explain(addMigrationOptions(up), {
    exit: '2 if an adoption needs --yes, 4 if the schema cannot be updated or adopted, 5 if another migration is running.',
    examples: [
      'wfstore migrate up',
      'wfstore migrate up --dry-run > up.sql',
      'wfstore migrate up --legacy-tz created_at=Europe/Berlin,start_time=UTC',
    ],
  }).action((count: number | undefined) => runUp(context, up.optsWithGlobals<UpFlags>(), count))

  const down = migrate
    .command('down')
    .argument('[count]', 'number of migrations to revert', parseCount, 1)
    .summary('Revert the newest migrations')
    .description('Revert the newest migrations. Tables that have rows are not dropped.')
    .option('--force', 'also drop tables that have rows')
  explain(addMigrationOptions(down), {
    about: 'Without a terminal, --yes is required.',
    exit: '1 if a table has rows (see --force), 5 if another migration is running.',
    examples: ['wfstore migrate down --yes', 'wfstore migrate down 2 --dry-run'],
  }).action((count: number) => runDown(context, down.optsWithGlobals<DownFlags>(), count))

  const redo = migrate
    .command('redo')
    .summary('Revert the newest migration and apply it again')
    .description('Revert the newest migration and apply it again.')
    .option('--force', 'also drop tables that have rows')
  explain(addMigrationOptions(redo), {
    about: 'Without a terminal, --yes is required.',
    exit: '1 if a table has rows (see --force), 5 if another migration is running.',
    examples: ['wfstore migrate redo --yes', 'wfstore migrate redo --dry-run'],
  }).action(() => runRedo(context, redo.optsWithGlobals<DownFlags>()))

  const sql = migrate
    .command('sql')
    .summary('Print the whole schema as a script for psql')
    .description(
      'Print the whole schema as a script for psql, for an empty database. Does not connect.',
    )
  explain(sql, {
    about: 'The script records the migrations, so that "wfstore migrate up" can apply later ones.',
    examples: [
      'wfstore migrate sql | psql -X -f - postgresql://dba@db/app',
      'wfstore migrate sql --schema workflows > schema.sql',
    ],
  }).action(async () => {
    const options = sql.optsWithGlobals<GlobalOptions>()
    checkOutput(planColumns, options)
    const { freshSteps } = await import('../../../db/migrate/plan.ts')
    await printPlan(context, options, await freshSteps())
  })
}

async function runUp(context: Context, options: UpFlags, count: number | undefined): Promise<void> {
  checkOutput<never>(options.dryRun ? planColumns : upColumns, options)
  const writer = context.writer(options)
  const { migrateUp, planUp } = await import('../../../db/migrate/up.ts')
  // A dry run does not create an embedded database.
  const client = await context.connect({ ...options, create: !options.dryRun })
  const settings = {
    schema: options.schema,
    legacyTimeZone: options.legacyTz,
    lockWaitMs: options.lockWait * 1000,
    lockTimeoutMs: options.lockTimeout,
    target: { count, to: options.to },
    notice: (line: string) => writer.note(line),
    connectAnother: () => context.connect(options),
    // It changes the tables of another application.
    confirm: () =>
      context.confirm('Adopt these tables?', { yes: options.yes, unattended: 'refuse' }),
  }
  if (options.dryRun) {
    const steps = await planUp(client, settings)
    if (steps.length === 0) writer.note(UP_TO_DATE)
    if (steps.length > 0 || isData(options)) await printPlan(context, options, steps)
    return
  }
  const result = await migrateUp(client, settings)
  if (isData(options)) await writer.record(upColumns, result)
  else await writer.sentence(summary(result))
}

const UP_TO_DATE = 'the schema is up to date'

function summary({ applied, adopted, rebuilt, removed, pending }: MigrateResult): string {
  const done = [
    ...(adopted ? ['adopted the database'] : []),
    ...(applied.length > 0 ? [`applied ${applied.join(', ')}`] : []),
    ...(rebuilt.length > 0 ? [`rebuilt invalid indexes: ${rebuilt.join(', ')}`] : []),
    ...(removed.length > 0 ? [`removed ${removed.join(', ')}`] : []),
    ...(pending.length > 0 ? [`still pending: ${pending.join(', ')}`] : []),
  ]
  return done.length === 0 ? UP_TO_DATE : done.join('; ')
}

async function runDown(context: Context, options: DownFlags, count: number): Promise<void> {
  checkOutput<never>(options.dryRun ? planColumns : downColumns, options)
  const { migrateDown, planDown } = await import('../../../db/migrate/down.ts')
  const client = await context.connect(options)
  const settings = downSettings(context, options)
  if (options.dryRun)
    return printPlan(context, options, await planDown(client, { ...settings, count }))
  const reverted = await migrateDown(client, { ...settings, count })
  const writer = context.writer(options)
  if (isData(options)) await writer.record(downColumns, { reverted })
  else await writer.sentence(reverted.length > 0 ? `reverted ${reverted.join(', ')}` : NONE)
}

async function runRedo(context: Context, options: DownFlags): Promise<void> {
  checkOutput<never>(options.dryRun ? planColumns : redoColumns, options)
  const { migrateRedo, planRedo } = await import('../../../db/migrate/down.ts')
  const client = await context.connect(options)
  const settings = downSettings(context, options)
  if (options.dryRun) return printPlan(context, options, await planRedo(client, settings))
  const name = await migrateRedo(client, settings)
  const writer = context.writer(options)
  if (isData(options))
    await writer.record(redoColumns, { redone: name === undefined ? [] : [name] })
  else await writer.sentence(name === undefined ? NONE : `reverted and applied ${name}`)
}

const NONE = 'no migrations are applied'

function downSettings(context: Context, options: DownFlags) {
  const writer = context.writer(options)
  return {
    schema: options.schema,
    force: options.force === true,
    lockWaitMs: options.lockWait * 1000,
    lockTimeoutMs: options.lockTimeout,
    notice: (line: string) => writer.note(line),
    connectAnother: () => context.connect(options),
    confirm: () => context.confirm('Continue?', { yes: options.yes, unattended: 'refuse' }),
  }
}
