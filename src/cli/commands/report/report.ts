import { resolve } from 'node:path'
import { type Command, InvalidArgumentError } from 'commander'
import { WfstoreError } from '../../../error.ts'
import { dayOf } from '../../../server/markup/dates.ts'
import type { Context } from '../../context.ts'
import { explain } from '../../help/page.ts'
import { checkFileMode, fileMode } from '../../options/file-mode.ts'
import { checkOutput } from '../../options/output.ts'
import { addReportFilters, noteUnknown, readReportFilter } from '../../options/report-filter.ts'
import { addStuckAfter, type StuckOptions } from '../../options/stuck-after.ts'
import { parseText } from '../../options/values.ts'
import { prints } from '../../output/printed.ts'
import { guardStream } from '../../output/stream.ts'
import { withProgress } from '../../terminal/progress.ts'
import { version } from '../../version.ts'
import { checkPast, DAYS, parsePeriods, readSpan, type SpanFlags } from './span.ts'

interface ReportFlags extends SpanFlags, StuckOptions {
  out?: string
  fileMode?: number
  open?: boolean
  top?: number
}

const ABOUT = `Covers whole days in --tz (default: the last ${DAYS} days in the billing zone).`

const EXAMPLES = [
  'wfstore report --period 2026-10 --out october.html',
  `wfstore report --user user_7 --json | jq '.models[] | {modelId, cost}'`,
]

export function define(report: Command, context: Context): void {
  addStuckAfter(addReportFilters(report))
    .option('--period <months>', 'billing months: 2026-10, last, or 2026-08..2026-10', parsePeriods)
    .option('--top <n>', 'rows of each table, or all (default: 10, users 100)', parseTop)
    .option('--out <file>', 'write the page to this file; overwrites it', parseText)
    .option(...fileMode)
    .option('--open', 'open the written file in the default browser')
    .action(() => writeReport(report.optsWithGlobals<ReportFlags>(), context))
  prints(report, 'record', async () => (await import('./columns.ts')).pageColumns as never)
  explain(report, { about: ABOUT, examples: EXAMPLES })
}

function parseTop(text: string): number {
  if (text === 'all') return Number.POSITIVE_INFINITY
  const top = /^\d{1,6}$/.test(text) ? Number(text) : 0
  if (top < 1) throw new InvalidArgumentError('It must be a whole number of at least 1, or all')
  return top
}

async function writeReport(options: ReportFlags, context: Context): Promise<void> {
  const { out, top } = options
  const asJson = checkForm(options, context)
  const { isStdout } = await import('../../../passage.ts')
  checkFileMode(options.fileMode, out !== undefined && !isStdout(out), '--out with a file')
  if (options.open && (out === undefined || isStdout(out)))
    throw new WfstoreError('usage', '--open requires --out with a file', {
      hint: 'use --out report.html --open',
    })
  const columns = asJson ? (await import('./columns.ts')).pageColumns : undefined
  if (columns) checkOutput(columns, options)
  const writer = context.writer(options)
  // The times again when the database has told zone, month and time; wrong usage must not wait for a database.
  const timeZone = options.tz ?? 'UTC'
  const month = dayOf(context.io.now().toISOString(), timeZone).slice(0, 7)
  await readSpan(options, { zone: timeZone, month }, context.io.now())
  const { since: _, until: __, ...rest } = options
  const filter = await readReportFilter(rest, context)
  const { pageData } = await import('../../../server/report/data.ts')
  const data = await withProgress(context.io, async () => {
    const client = await context.connect(options)
    const now = await context.now(options)
    return pageData(client, async (billing) => {
      const span = await readSpan(options, billing, now)
      checkPast(span, options, now)
      return { ...span, filter, top, now, stuckAfterMs: options.stuckAfter?.ms }
    })
  })
  for (const { flag, to } of data.rounded)
    writer.note(`a report covers whole days: ${flag} is ${to.replace('.000Z', 'Z')}`)
  noteUnknown(writer, data.totals.historyUnknown, filter)
  if (data.standby) writer.note('the server is a standby: it may lack the newest runs and bills')
  if (columns) return writer.record(columns, { ...data, version })
  const { pageOf } = await import('../../../server/report/page.ts')
  const page = Buffer.from(pageOf(data, version))
  if (out === undefined || isStdout(out)) {
    const stdout = guardStream(context.io.stdout, 'stdout')
    await stdout.write(page.toString())
    return stdout.flush()
  }
  const { writeWhole } = await import('../../../files.ts')
  const path = resolve(context.io.cwd, out)
  await writeWhole(
    path,
    (async function* () {
      yield page
    })(),
    { fileMode: options.fileMode },
  )
  if (!options.open) return writer.note(`report written to ${out}; open it in a browser`)
  const { openInBrowser } = await import('../../terminal/browser.ts')
  const opened = await openInBrowser(path, context.io, context.env)
  writer.note(`report written to ${out}${opened ? '' : '; no browser was found to open it'}`)
}

/** Whether to print JSON. @throws WfstoreError usage if the options do not fit a page */
function checkForm({ output, json, columns, out }: ReportFlags, { io }: Context): boolean {
  const asJson = json === true || output === 'json'
  if (output !== undefined && output !== 'json') {
    throw new WfstoreError(
      'usage',
      `report does not support --output ${output}: it writes an HTML page`,
      {
        hint: 'use --output json for the data of the page',
      },
    )
  }
  if (asJson && out !== undefined) {
    throw new WfstoreError('usage', '--out and --json cannot be used together', {
      hint: 'redirect stdout to a file',
    })
  }
  if (!asJson && columns !== undefined) {
    throw new WfstoreError('usage', '--columns requires --json', { hint: 'add --json' })
  }
  if (!asJson && out === undefined && io.stdout.isTTY === true) {
    throw new WfstoreError('usage', 'report does not print HTML to a terminal', {
      hint: 'use --out report.html',
    })
  }
  return asJson
}
