import { type Command, InvalidArgumentError, Option } from 'commander'
import type { Context, GlobalOptions } from '../context.ts'
import { type Column, selectColumns } from '../output/column.ts'

interface UpOptions extends GlobalOptions {
  legacyTz: string
  lockTimeout: number
}

interface Outcome {
  applied: string[]
  adopted: boolean
}

const upColumns: Column<Outcome>[] = [
  { name: 'applied', kind: 'json', value: ({ applied }) => JSON.stringify(applied) },
  { name: 'adopted', kind: 'boolean' },
]

/** How long a deploy may wait for another `up` to finish. */
const LOCK_WAIT_MS = 600_000

export function define(migrate: Command, context: Context): void {
  const up = migrate.command('up')
  up.description(
    'Creates the schema, brings it up to date, or adopts the database of the old application in place.',
  )
    .option('--legacy-tz <zone>', 'zone in which the old application stored its times', 'UTC')
    .addOption(
      new Option(
        '--lock-timeout <ms>',
        'how long a change of a table may make others wait; then it lets them pass and tries again',
      )
        .argParser(parseMilliseconds)
        .default(2000),
    )
    .addHelpText(
      'after',
      '\nExamples:\n  wfstore migrate up\n  wfstore migrate up --database-url postgresql://ops@db/app --legacy-tz Europe/Berlin',
    )
    .action(async () => {
      const options = up.optsWithGlobals<UpOptions>()
      selectColumns(upColumns, options.columns)
      const writer = context.writer(options)
      const { migrateUp } = await import('../../db/migrate.ts')
      const client = await context.connect({ ...options, create: true })
      const { applied, adopted } = await migrateUp(client, {
        schema: options.schema,
        legacyTimeZone: options.legacyTz,
        lockWaitMs: LOCK_WAIT_MS,
        lockTimeoutMs: options.lockTimeout,
        notice: (line) => writer.note(line),
      })
      if (options.json || (options.output ?? 'table') !== 'table') {
        await writer.record(upColumns, { applied, adopted: adopted !== null })
      } else {
        const done =
          applied.length === 0
            ? 'the schema is up to date'
            : `${adopted ? 'adopted the database; ' : ''}applied ${applied.join(', ')}`
        await writer.text(done)
      }
    })
}

function parseMilliseconds(text: string): number {
  if (!/^\d{1,7}$/.test(text) || Number(text) < 1)
    throw new InvalidArgumentError('Give a whole number of milliseconds from 1')
  return Number(text)
}
