import { type Command, InvalidArgumentError, Option } from 'commander'
import type pg from 'pg'
import { WfstoreError } from '../../error.ts'
import { plural } from '../../numbers.ts'
import { examine, type Finding } from '../../queries/doctor/doctor.ts'
import type { Context } from '../context.ts'
import { explain } from '../help/page.ts'
import type { GlobalOptions } from '../options/global.ts'
import { checkOutput } from '../options/output.ts'
import type { Column } from '../output/column.ts'
import { redactor } from '../redact.ts'
import { withProgress } from '../terminal/progress.ts'

interface DoctorFlags extends GlobalOptions {
  stuckFactor: number
}

const columns: Column<Finding>[] = [
  { name: 'check', kind: 'text', isName: true },
  { name: 'state', kind: 'status' },
  { name: 'finding', kind: 'text', wrap: '' },
  { name: 'fix', kind: 'text', wrap: '> ' },
  { name: 'details', kind: 'json', table: false },
]

export function define(doctor: Command, context: Context): void {
  explain(doctor, {
    about:
      'Changes nothing. Any role can run it. The usual time of a workflow is the median of its newest 500 finished runs; with fewer than 5 of them a run is stuck after 24 hours. No run is stuck in its first minute.',
    exit: '1 if a check fails, 0 if there are only warnings.',
    examples: [
      'wfstore doctor',
      `wfstore doctor --json | jq '.[] | select(.state != "ok")'`,
      'wfstore doctor --stuck-factor 3 --columns state,check,finding -o csv',
    ],
  })
  doctor
    .description('Check the server, the schema and the runs, and print a fix for each problem.')
    .addOption(
      new Option(
        '--stuck-factor <n>',
        'report a run as stuck after <n> times the usual time of its workflow',
      )
        .argParser(parseFactor)
        .default(10),
    )
    .action(async () => {
      const options = doctor.optsWithGlobals<DoctorFlags>()
      checkOutput(columns, options)
      const writer = context.writer(options)
      let client: pg.Client
      try {
        client = await context.connect(options)
      } catch (error) {
        if (error instanceof WfstoreError && error.code !== 'usage')
          await writer.list(columns, [unreached(error, options, context)])
        throw error
      }
      const { stuckFactor, schema } = options
      const findings = await withProgress(context.io, () =>
        examine(client, { stuckFactor, schema }),
      )
      await writer.list(columns, findings)
      const named = (state: Finding['state']) =>
        findings.filter((finding) => finding.state === state).map(({ check }) => check)
      const [failed, warnings] = [named('failed'), named('warning')]
      const warned =
        warnings.length > 0
          ? `${plural(warnings.length, 'warning')}: ${warnings.join(', ')}`
          : undefined
      if (failed.length > 0) {
        const text = `${plural(failed.length, 'check')} failed: ${failed.join(', ')}`
        throw new WfstoreError('failed', warned === undefined ? text : `${text}; ${warned}`)
      }
      writer.note(warned ?? 'all checks passed')
    })
}

/** A list with one finding, so that programs get a list even if the server cannot be reached. */
function unreached(error: WfstoreError, options: DoctorFlags, { env }: Context): Finding {
  const redact = redactor([options.databaseUrl ?? ''], env)
  return {
    check: 'server',
    state: 'failed',
    finding: redact(error.message),
    fix: error.hint === undefined ? null : redact(error.hint),
    details: null,
  }
}

function parseFactor(text: string): number {
  if (!/^\d{1,6}(\.\d{1,3})?$/.test(text) || Number(text) < 1)
    throw new InvalidArgumentError('It must be a number of at least 1')
  return Number(text)
}
