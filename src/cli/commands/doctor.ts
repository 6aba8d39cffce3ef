import type { Command } from 'commander'
import type pg from 'pg'
import { WfstoreError } from '../../error.ts'
import { plural } from '../../numbers.ts'
import { type DoctorFinding, examine } from '../../queries/doctor/doctor.ts'
import type { Context } from '../context.ts'
import { explain } from '../help/page.ts'
import type { GlobalOptions } from '../options/global.ts'
import { checkOutput } from '../options/output.ts'
import { addStuckAfter, type StuckOptions } from '../options/stuck-after.ts'
import type { Column } from '../output/column.ts'
import { prints } from '../output/printed.ts'
import { redactor } from '../redact.ts'
import { withProgress } from '../terminal/progress.ts'
import { verdict } from '../verdict.ts'

type DoctorFlags = GlobalOptions & StuckOptions & { exitCode?: boolean; full?: boolean }

const columns: Column<DoctorFinding>[] = [
  { name: 'check', kind: 'text', isName: true },
  { name: 'state', kind: 'status' },
  { name: 'finding', kind: 'text', wrap: '' },
  { name: 'fix', kind: 'text', wrap: '> ' },
  { name: 'details', kind: 'json', table: false },
]

export function define(doctor: Command, context: Context): void {
  prints(doctor, 'rows', columns)
  explain(doctor, {
    about:
      'Changes nothing. Any role can run it. A running run is stuck if it has written no step, audit entry or heartbeat for --stuck-after.',
    exit: '1 if a check fails, 0 if there are only warnings; with --exit-code 1 for these too.',
    examples: [
      'wfstore doctor',
      `wfstore doctor --json | jq '.[] | select(.state != "ok")'`,
      'wfstore doctor --stuck-after 1h --columns state,check,finding -o csv',
    ],
  })
  addStuckAfter(doctor)
    .option('--full', 'check the totals, lines and values of all rows, not of a sample')
    .option('--exit-code', 'exit with 1 also for a warning')
    .description('Check the server, the schema and the runs, and print a fix for each problem.')
    .action(async () => {
      const options = doctor.optsWithGlobals<DoctorFlags>()
      checkOutput(columns, options)
      const writer = context.writer(options)
      const replica = await context.replica(options, 1)
      let client: pg.Client
      try {
        client = await context.connect(options)
      } catch (error) {
        if (!(error instanceof WfstoreError) || error.code === 'usage') throw error
        await writer.list(columns, [unreached(error, options, context)])
        throw new WfstoreError(error.code, '1 check failed: server', { cause: error })
      }
      const { stuckAfter, schema } = options
      const findings = await withProgress(context.io, () =>
        examine(client, {
          stuckAfterMs: stuckAfter?.ms,
          full: options.full,
          replica,
          schema,
          // Tests with fixed times have no clock to compare.
          now: context.io.serverNow ? undefined : () => context.io.now().getTime(),
        }),
      )
      await writer.list(columns, findings)
      const named = (state: DoctorFinding['state']) =>
        findings.filter((finding) => finding.state === state).map(({ check }) => check)
      const [failed, warnings] = [named('failed'), named('warning')]
      const warned =
        warnings.length > 0
          ? `${plural(warnings.length, 'warning')}: ${warnings.join(', ')}`
          : undefined
      if (failed.length > 0) {
        const text = `${plural(failed.length, 'check')} failed: ${failed.join(', ')}`
        throw verdict(warned === undefined ? text : `${text}; ${warned}`)
      }
      if (options.exitCode && warned !== undefined) throw verdict(warned)
      writer.note(warned ?? 'all checks passed')
    })
}

/** A list with one finding, so that programs get a list even if the server cannot be reached. */
function unreached(error: WfstoreError, options: DoctorFlags, { env }: Context): DoctorFinding {
  const redact = redactor([options.databaseUrl ?? ''], env)
  return {
    check: 'server',
    state: 'failed',
    finding: redact(error.message),
    fix: error.hint === undefined ? null : redact(error.hint),
    details: null,
  }
}
