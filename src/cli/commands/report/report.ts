import { resolve } from 'node:path'
import type { Command } from 'commander'
import { WfstoreError } from '../../../error.ts'
import type { Context } from '../../context.ts'
import { explain } from '../../help/page.ts'
import type { FilterOptions } from '../../options/filter.ts'
import { addReportFilters, readReportFilter } from '../../options/report-filter.ts'
import { parseText } from '../../options/text.ts'
import { parseTime } from '../../options/time.ts'
import { selectColumns } from '../../output/column.ts'
import { guardStream } from '../../output/stream.ts'
import { whileCounting } from '../../terminal/waiting.ts'
import { version } from '../../version.ts'

interface ReportFlags extends FilterOptions {
  out?: string
}

const DAYS = 30
const DAY_MS = 86_400_000

const ABOUT = `Cost over time by model, users, workflows and modes, runs by status, errors, slow workflows and the bill, beside the time before, in one file that loads nothing. Without --since it is of the last ${DAYS} days of --tz (default: UTC). Amounts are US dollars.`

const EXAMPLES = [
  'wfstore report --since 30d --out report.html',
  `wfstore report --user user_7 --json | jq '.models[] | {modelId, cost}'`,
]

export function define(report: Command, context: Context): void {
  addReportFilters(report)
    .option('--out <file>', 'write the page to this file, over what it holds', parseText)
    .action(() => writeReport(report.optsWithGlobals<ReportFlags>(), context))
  explain(report, { about: ABOUT, examples: EXAMPLES })
}

async function writeReport(options: ReportFlags, context: Context): Promise<void> {
  const { out } = options
  const asJson = checkForm(options, context)
  const columns = asJson ? (await import('./columns.ts')).pageColumns : undefined
  if (columns) selectColumns(columns, options.columns)
  const writer = context.writer(options)
  const { since, until, ...filter } = await readReportFilter(
    await withSince(options, context),
    context,
  )
  const [begin, end] = [instantOf(since) as string, instantOf(until)]
  if (end === undefined && begin >= context.io.now().toISOString()) {
    throw new WfstoreError('usage', `--since ${options.since} is not in the past`, {
      hint: 'the report is of the time from there to now',
    })
  }
  const { pageData } = await import('./data.ts')
  const data = await whileCounting(context.io, async () =>
    pageData(await context.connect(options), {
      filter,
      since: begin,
      until: end,
      timeZone: options.tz ?? 'UTC',
      now: context.io.now(),
    }),
  )
  if (columns) return writer.record(columns, { ...data, version })
  const { pageOf } = await import('./page.ts')
  const page = Buffer.from(pageOf(data, version))
  if (out === undefined) {
    const stdout = guardStream(context.io.stdout, 'stdout')
    await stdout.write(page.toString())
    return stdout.flush()
  }
  const { writeWhole } = await import('../../../files.ts')
  await writeWhole(
    resolve(context.io.cwd, out),
    (async function* () {
      yield page
    })(),
  )
  writer.note(`${out} is written: open it in a browser`)
}

/** Is it to be JSON? @throws WfstoreError usage where the form or the place is none for a page */
function checkForm({ output, json, columns, out }: ReportFlags, { io }: Context): boolean {
  const asJson = json === true || output === 'json'
  if (output !== undefined && output !== 'json') {
    throw new WfstoreError('usage', `report writes an HTML page, not --output ${output}`, {
      hint: '--output json prints what the page shows',
    })
  }
  if (asJson && out !== undefined) {
    throw new WfstoreError('usage', '--out is for the page, and --json prints to stdout', {
      hint: 'leave one of them out',
    })
  }
  if (!asJson && columns !== undefined) {
    throw new WfstoreError('usage', 'a page has no --columns', { hint: 'give --json with it' })
  }
  if (!asJson && out === undefined && io.stdout.isTTY === true) {
    throw new WfstoreError('usage', 'a page is not for a terminal', {
      hint: 'give --out report.html, or send the output to a file',
    })
  }
  return asJson
}

/** As given, or midnight 29 days ago: with today, 30 days. */
async function withSince(options: ReportFlags, { io }: Context): Promise<ReportFlags> {
  if (options.since !== undefined) return options
  const { tz = 'UTC', until } = options
  const end =
    until === undefined ? io.now() : new Date((await parseTime('--until', until, io.now(), tz)).at)
  const { dayOf } = await import('./dates.ts')
  return {
    ...options,
    since: dayOf(new Date(end.getTime() - 1 - (DAYS - 1) * DAY_MS).toISOString(), tz),
  }
}

const instantOf = (limit: unknown): string | undefined =>
  limit === undefined ? undefined : (limit as { at: string }).at
