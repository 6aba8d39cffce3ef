import type { Command } from 'commander'
import type { MigrationStatus } from '../../../db/migrate/history.ts'
import type { TableCount } from '../../../db/verify/compare.ts'
import type { Difference } from '../../../db/verify/difference.ts'
import type { LinesDifference, RunDifference, Verification } from '../../../db/verify/verify.ts'
import { WfstoreError } from '../../../error.ts'
import { formatNumber, plural } from '../../../numbers.ts'
import type { Context } from '../../context.ts'
import { explain } from '../../help/page.ts'
import type { GlobalOptions } from '../../options/global.ts'
import { isData } from '../../options/global.ts'
import { checkOutput } from '../../options/output.ts'
import type { Column } from '../../output/column.ts'
import { formatTime } from '../../output/text/format.ts'

const statusColumns: Column<MigrationStatus>[] = [
  { name: 'name', header: 'MIGRATION', kind: 'text', isName: true },
  { name: 'state', kind: 'status' },
  { name: 'appliedAt', header: 'APPLIED', kind: 'time' },
  { name: 'durationMs', header: 'TOOK', kind: 'duration' },
  { name: 'adoptedAt', header: 'ADOPTED', kind: 'time', table: false },
  { name: 'oldApplicationSeenAt', header: 'OLD APPLICATION SEEN', kind: 'time', table: false },
]

const differenceColumns: Column<Difference>[] = [
  { name: 'state', kind: 'status' },
  { name: 'kind', kind: 'text' },
  { name: 'name', kind: 'text', wrap: '' },
  { name: 'expected', kind: 'text', wrap: 'expected ' },
  { name: 'found', kind: 'text', wrap: 'found ' },
  { name: 'fix', kind: 'text', wrap: '> ' },
]

const tableColumns: Column<TableCount>[] = [
  { name: 'table', kind: 'text' },
  { name: 'rows', kind: 'count' },
  { name: 'estimated', kind: 'boolean' },
  { name: 'bytes', kind: 'count' },
]

const totalsColumns: Column<RunDifference>[] = [
  { name: 'executionId', header: 'EXECUTION', kind: 'id' },
  { name: 'totalCost', kind: 'amount' },
  { name: 'stepCost', kind: 'amount' },
  { name: 'totalTokens', kind: 'count' },
  { name: 'stepTokens', kind: 'count' },
  { name: 'fix', kind: 'text', wrap: '> ' },
]

const linesColumns: Column<LinesDifference>[] = [
  { name: 'billingId', header: 'BILL', kind: 'id' },
  { name: 'billingPeriod', header: 'PERIOD', kind: 'text' },
  { name: 'cost', kind: 'amount' },
  { name: 'lineCost', kind: 'amount' },
  { name: 'tokensTotal', kind: 'count' },
  { name: 'lineTokens', kind: 'count' },
  { name: 'changeable', kind: 'boolean', table: false },
  { name: 'fix', kind: 'text', wrap: '> ' },
]

const verifyColumns: Column<Verification>[] = [
  { name: 'ok', kind: 'boolean' },
  { name: 'differences', kind: 'rows', columns: differenceColumns },
  { name: 'totals', kind: 'rows', columns: totalsColumns },
  { name: 'comparedRuns', kind: 'count' },
  { name: 'unequalRuns', kind: 'count' },
  { name: 'lines', kind: 'rows', columns: linesColumns },
  { name: 'comparedBills', kind: 'count' },
  { name: 'unequalBills', kind: 'count' },
  { name: 'tables', kind: 'rows', columns: tableColumns },
]

export function define(migrate: Command, context: Context): void {
  const status = migrate
    .command('status')
    .summary('List applied and pending migrations')
    .description(
      'List migrations: state, when they were applied, and how long they took. For an adopted database, show until when the old application wrote.',
    )
    .option('--exit-code', 'exit with 4 if a migration is pending')
  explain(status, {
    about:
      'A write that wfstore did not make counts as one of the old application, also from psql.',
    exit: '4 if an applied migration was changed, or was applied by a newer wfstore.',
    examples: [
      'wfstore migrate status',
      'wfstore migrate status --exit-code || wfstore migrate up',
    ],
  }).action(async () => {
    const options = status.optsWithGlobals<GlobalOptions & { exitCode?: boolean }>()
    checkOutput(statusColumns, options)
    const { assertNotCaptured } = await import('../../../db/captures.ts')
    const { assertSound, readStatus } = await import('../../../db/migrate/history.ts')
    const { schemaFor } = await import('../../../db/migrate/session.ts')
    const client = await context.connect(options)
    await assertNotCaptured(client, options.schema)
    const statuses = await readStatus(client, await schemaFor(client, options.schema))
    const writer = context.writer(options)
    await writer.list(statusColumns, statuses)
    if (!isData(options))
      for (const line of adoptionLines(statuses, context, options)) writer.note(line)
    assertSound(statuses)
    if (options.exitCode) assertApplied(statuses)
  })

  const verify = migrate
    .command('verify')
    .summary('Compare the schema with the migrations')
    .description(
      'Compare the schema with the migrations, the totals of runs with their steps, and bills with their lines; print the SQL that fixes each difference, and count rows.',
    )
    .option('--full', 'compare all runs and bills, not a sample')
  explain(verify, {
    about:
      'Changes nothing and needs no privileges. Row counts of a million or more are estimated.',
    exit: '4 if an object is missing or differs, 1 if only totals or lines of bills differ. Objects added by the application are allowed.',
    examples: [
      'wfstore migrate verify',
      `wfstore migrate verify --json | jq -r '.differences[].fix // empty'`,
    ],
  }).action(() => printVerification(context, verify.optsWithGlobals<VerifyFlags>()))
}

type VerifyFlags = GlobalOptions & { full?: boolean }

async function printVerification(context: Context, options: VerifyFlags): Promise<void> {
  checkOutput(verifyColumns, options)
  const { assertNotCaptured } = await import('../../../db/captures.ts')
  const { verifySchema } = await import('../../../db/verify/verify.ts')
  const { schemaFor } = await import('../../../db/migrate/session.ts')
  const client = await context.connect(options)
  await assertNotCaptured(client, options.schema)
  const report = await verifySchema(client, await schemaFor(client, options.schema), options)
  const { differences, tables, totals, comparedRuns, unequalRuns, lines } = report
  const { comparedBills, unequalBills } = report
  const writer = context.writer(options)
  if (context.io.stdout.isTTY && !isData(options) && options.columns === undefined) {
    await writer.list(tableColumns, tables)
    if (differences.length > 0) await writer.list(differenceColumns, differences)
    if (totals.length > 0) await writer.list(totalsColumns, totals)
    if (lines.length > 0) await writer.list(linesColumns, lines)
  } else await writer.record(verifyColumns, report)
  const own = differences.filter(({ state }) => state === 'extra').length
  const faults = differences.length - own
  if (faults > 0) {
    throw new WfstoreError(
      'schema_differs',
      `the schema differs from its migrations: ${plural(faults, 'difference')}`,
      { hint: 'run the statements that are printed with each difference' },
    )
  }
  if (comparedRuns === null) writer.note('the totals of runs were not compared with their steps')
  if (comparedBills === null) writer.note('bills were not compared with their lines')
  if (unequalRuns)
    throw new WfstoreError(
      'failed',
      `the totals of ${formatNumber(unequalRuns)} of ${plural(comparedRuns ?? 0, 'run')} differ from their steps`,
      {
        hint: `run the statements that are printed with each run${options.full ? '' : '; compare all runs with --full'}`,
      },
    )
  if (unequalBills)
    throw new WfstoreError(
      'failed',
      `the lines of ${formatNumber(unequalBills)} of ${plural(comparedBills ?? 0, 'bill')} do not add up to their bills`,
      {
        hint: `run the statements that are printed with each bill${options.full ? '' : '; compare all bills with --full'}`,
      },
    )
  writer.note(
    own === 0
      ? 'the schema matches its migrations'
      : `the schema matches its migrations; ${plural(own, 'object')} of the application in addition`,
  )
}

/** When the tables were adopted, and until when the old application wrote. Nothing for a new store. */
function adoptionLines(
  statuses: readonly MigrationStatus[],
  { io }: Context,
  { tz, columns }: GlobalOptions,
): string[] {
  const isTTY = io.stdout.isTTY === true
  const zone = tz ?? (isTTY ? io.timeZone : 'UTC')
  // The table names the zone of its times.
  const named = isTTY && columns === undefined ? '' : ` (${zone})`
  const time = (text: string) => formatTime(text, zone, 'minutes')
  return statuses.flatMap(({ adoptedAt, oldApplicationSeenAt: seen }) =>
    adoptedAt === null
      ? []
      : [
          `adopted on ${time(adoptedAt)}, ${
            seen === null
              ? 'it is not known when the old application last wrote'
              : `old application seen writing until ${time(seen)}`
          }${named}`,
        ],
  )
}

function assertApplied(statuses: readonly MigrationStatus[]): void {
  const pending = statuses.filter(({ state }) => state === 'pending').map(({ name }) => name)
  if (pending.length === 0) return
  throw new WfstoreError('schema_behind', `pending migrations: ${pending.join(', ')}`, {
    hint: 'run `wfstore migrate up`',
  })
}
