import { resolve } from 'node:path'
import type { Command } from 'commander'
import { WfstoreError } from '../../../error.ts'
import type { Context } from '../../context.ts'
import { explain } from '../../help/page.ts'
import type { FilterOptions } from '../../options/filter.ts'
import { checkOutput } from '../../options/output.ts'
import { addReportFilters, readReportFilter } from '../../options/report-filter.ts'
import { addStuckAfter, type StuckOptions } from '../../options/stuck-after.ts'
import { parseTime } from '../../options/time.ts'
import { parseText } from '../../options/values.ts'
import { guardStream } from '../../output/stream.ts'
import { withProgress } from '../../terminal/progress.ts'
import { version } from '../../version.ts'

interface ReportFlags extends FilterOptions, StuckOptions {
  out?: string
}

const DAYS = 30
const DAY_MS = 86_400_000

const ABOUT = `One self-contained file with cost by model, user, workflow and mode, runs by status, errors, slow workflows and bills, compared with the time before. Without --since it covers the last ${DAYS} days in --tz (default: UTC). Amounts are in US dollars.`

const EXAMPLES = [
  'wfstore report --since 30d --out report.html',
  `wfstore report --user user_7 --json | jq '.models[] | {modelId, cost}'`,
]

export function define(report: Command, context: Context): void {
  addStuckAfter(addReportFilters(report))
    .option('--out <file>', 'write the page to this file; overwrites it', parseText)
    .action(() => writeReport(report.optsWithGlobals<ReportFlags>(), context))
  explain(report, { about: ABOUT, examples: EXAMPLES })
}

async function writeReport(options: ReportFlags, context: Context): Promise<void> {
  const { out } = options
  const asJson = checkForm(options, context)
  const columns = asJson ? (await import('./columns.ts')).pageColumns : undefined
  if (columns) checkOutput(columns, options)
  const writer = context.writer(options)
  const { since, until, ...filter } = await readReportFilter(
    await withSince(options, context),
    context,
  )
  const [begin, end] = [instantOf(since) as string, instantOf(until)]
  if (end === undefined && begin >= context.io.now().toISOString()) {
    throw new WfstoreError('usage', `--since ${options.since} is not in the past`, {
      hint: 'use a time before now',
    })
  }
  const { pageData } = await import('./data.ts')
  const data = await withProgress(context.io, async () =>
    pageData(await context.connect(options), {
      filter,
      since: begin,
      until: end,
      timeZone: options.tz ?? 'UTC',
      now: context.io.now(),
      stuckAfterMs: options.stuckAfter?.ms,
    }),
  )
  if (columns) return writer.record(columns, { ...data, version })
  const { pageOf } = await import('./page.ts')
  const page = Buffer.from(pageOf(data, version))
  const { isStdout } = await import('../../../passage.ts')
  if (out === undefined || isStdout(out)) {
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
  writer.note(`report written to ${out}; open it in a browser`)
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

/** The default for --since is midnight 29 days ago: 30 days including today. */
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
