import { type Command, InvalidArgumentError, Option } from 'commander'
import type pg from 'pg'
import { WfstoreError } from '../../error.ts'
import { examine, type Finding } from '../../queries/doctor/doctor.ts'
import type { Context } from '../context.ts'
import { explain } from '../help/page.ts'
import type { GlobalOptions } from '../options/global.ts'
import { type Column, selectColumns } from '../output/column.ts'
import { redactor } from '../redact.ts'
import { whileCounting } from '../terminal/waiting.ts'

interface DoctorFlags extends GlobalOptions {
  stuckFactor: number
}

const columns: Column<Finding>[] = [
  { name: 'check', kind: 'text' },
  { name: 'state', kind: 'status' },
  { name: 'finding', kind: 'text', wrap: '' },
  { name: 'mend', kind: 'text', wrap: '> ' },
  { name: 'details', kind: 'json', table: false },
]

export function define(doctor: Command, context: Context): void {
  explain(doctor, {
    about:
      "It changes nothing, and any role may run it. A run's usual time is the median of its workflow's newest 500 finished runs; with fewer than 5 of them a run is stuck after 24 h, and none within its first minute.",
    exit: '1 where there is a problem, 0 where there are only warnings.',
    examples: [
      'wfstore doctor',
      `wfstore doctor --json | jq '.[] | select(.state != "ok")'`,
      'wfstore doctor --stuck-factor 3 --columns state,check,finding -o csv',
    ],
  })
  doctor
    .description(
      'Looks at the server, the schema and the runs and says what is wrong, and which command or SQL mends it.',
    )
    .addOption(
      new Option(
        '--stuck-factor <n>',
        "a run is stuck after so many times its workflow's usual time",
      )
        .argParser(parseFactor)
        .default(10),
    )
    .action(async () => {
      const options = doctor.optsWithGlobals<DoctorFlags>()
      selectColumns(columns, options.columns)
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
      const findings = await whileCounting(context.io, () =>
        examine(client, { stuckFactor, schema }),
      )
      await writer.list(columns, findings)
      const named = (state: Finding['state']) =>
        findings.filter((finding) => finding.state === state).map(({ check }) => check)
      const [problems, warnings] = [named('problem'), named('warning')]
      const counts = `${count(problems, 'problem')}, ${count(warnings, 'warning')}`
      if (problems.length > 0) {
        throw new WfstoreError('failed', `${counts}: ${[...problems, ...warnings].join(', ')}`, {
          hint: 'what mends each is said with it',
        })
      }
      writer.note(warnings.length > 0 ? `${counts}: ${warnings.join(', ')}` : counts)
    })
}

/** The one finding there is, so that programs get their list too. */
function unreached(error: WfstoreError, options: DoctorFlags, { env }: Context): Finding {
  const redact = redactor([options.databaseUrl ?? ''], env)
  return {
    check: 'server',
    state: 'problem',
    finding: redact(error.message),
    mend: error.hint === undefined ? null : redact(error.hint),
    details: null,
  }
}

const count = ({ length }: readonly string[], noun: string) =>
  `${length === 0 ? 'no' : length} ${noun}${length === 1 ? '' : 's'}`

function parseFactor(text: string): number {
  if (!/^\d{1,6}(\.\d{1,3})?$/.test(text) || Number(text) < 1)
    throw new InvalidArgumentError('Give a number from 1')
  return Number(text)
}
