import { type Command, Option } from 'commander'
import type { MigrationStep } from '../../../db/migrate/plan.ts'
import type { Context } from '../../context.ts'
import type { GlobalOptions } from '../../options/global.ts'
import { isData } from '../../options/global.ts'
import { wholeNumber } from '../../options/values.ts'
import type { Column } from '../../output/column.ts'

/** Options of the commands that change the schema. */
export interface MigrationFlags extends GlobalOptions {
  dryRun?: boolean
  yes?: boolean
  lockTimeout: number
  lockWait: number
}

const LOCK_TIMEOUT_MS = 2000

const LONGEST_WAIT = 9_999_999

export function addMigrationOptions(command: Command): Command {
  return command
    .option('--dry-run', 'print the SQL as a script for psql; change nothing')
    .option('-y, --yes', 'skip the confirmation prompt')
    .addOption(
      new Option('--lock-timeout <ms>', 'maximum wait for a table lock')
        .argParser(wholeNumber(1, LONGEST_WAIT))
        .default(LOCK_TIMEOUT_MS),
    )
    .addOption(
      new Option('--lock-wait <seconds>', 'maximum wait for another migration')
        .argParser(wholeNumber(0, LONGEST_WAIT))
        .default(600),
    )
}

/** A count of migrations, as an argument. */
export const parseCount = wholeNumber(1)

interface PlannedStatement {
  migration: string | null
  direction: string
  transaction: boolean
  statement: string
}

export const planColumns: Column<PlannedStatement>[] = [
  { name: 'migration', kind: 'text' },
  { name: 'direction', kind: 'text' },
  { name: 'transaction', kind: 'boolean' },
  { name: 'statement', kind: 'text' },
]

/** Prints the steps as a script for psql; in JSON and CSV a row per statement. */
export async function printPlan(
  context: Context,
  options: GlobalOptions & { lockTimeout?: number },
  steps: readonly MigrationStep[],
): Promise<void> {
  const writer = context.writer(options)
  if (isData(options)) {
    const rows = steps.flatMap(
      ({ migration = null, direction, transaction, statements, before = [], after = [] }) => [
        ...before.flatMap((part) =>
          part.statements.map((statement) => ({
            migration,
            direction,
            transaction: part.transaction,
            statement,
          })),
        ),
        ...statements.map((statement) => ({ migration, direction, transaction, statement })),
        ...after.map((statement) => ({ migration, direction, transaction: false, statement })),
      ],
    )
    await writer.list(planColumns, rows)
    return
  }
  const { psqlScript } = await import('../../../db/migrate/plan.ts')
  const { schema, lockTimeout: lockTimeoutMs = LOCK_TIMEOUT_MS } = options
  await writer.text(await psqlScript(steps, { schema, lockTimeoutMs }))
}
