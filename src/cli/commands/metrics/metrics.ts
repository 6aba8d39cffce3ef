import { type Command, Option } from 'commander'
import { WfstoreError } from '../../../error.ts'
import { formatDuration, formatNumber, plural } from '../../../numbers.ts'
import { readStuck } from '../../../queries/executions/running.ts'
import { currentMetrics } from '../../../queries/metrics/current.ts'
import { METRICS } from '../../../queries/metrics/metrics.ts'
import { PERIODS, type Period } from '../../../queries/metrics/periods.ts'
import { type RollupResult, rollupMetrics } from '../../../queries/metrics/rollup.ts'
import { getStats } from '../../../queries/usage/stats.ts'
import type { Context } from '../../context.ts'
import { explain } from '../../help/page.ts'
import { makeDefault } from '../../options/default-command.ts'
import { type FilterOptions, readFilter } from '../../options/filter.ts'
import type { GlobalOptions } from '../../options/global.ts'
import { isData } from '../../options/global.ts'
import { checkOutput } from '../../options/output.ts'
import { addPaging, type PagingOptions, readPaging } from '../../options/paging.ts'
import { reader } from '../../options/report-filter.ts'
import { addSort, type SortOptions, sortOf } from '../../options/sort.ts'
import { sortRows } from '../../options/sort-rows.ts'
import { addStuckAfter, type StuckOptions } from '../../options/stuck-after.ts'
import { listOfValues, oneOrMore } from '../../options/values.ts'
import { prometheusText } from '../../output/formats/prometheus.ts'
import { prints } from '../../output/printed.ts'
import { formatTime } from '../../output/text/format.ts'
import { printPages } from '../../terminal/pages.ts'
import { listProgress, withProgress } from '../../terminal/progress.ts'
import { metricColumns, rollupColumns } from './columns.ts'
import { metricFamilies, type Total, totalFamilies } from './families.ts'

interface MetricFlags extends Omit<GlobalOptions, 'output'>, SortOptions {
  output?: GlobalOptions['output'] | 'prometheus'
  type?: string[]
  period?: string[]
  user?: string[]
  since?: string
  until?: string
}

type CurrentFlags = Omit<MetricFlags, 'period'> & { period?: Period } & StuckOptions

export function define(metrics: Command, context: Context): void {
  explain(metrics, {
    about: 'Without a command it runs "wfstore metrics current", with these options.',
    examples: ['wfstore metrics rollup --period hour', 'wfstore metrics -o prometheus'],
  })
  const current = defineCurrent(metrics.command('current', { isDefault: true }))
  defineList(metrics.command('list'), context)
  defineRollup(metrics.command('rollup'), context)
  makeDefault(metrics, current, () =>
    printCurrent(current.optsWithGlobals<CurrentFlags>(), context),
  )
}

/** A sum of money is not a whole number. */
const METRIC_KINDS = { metricValue: 'amount' } as const

const SINCE = 'oldest bucket: 24h, 7d'
const BOUNDS = 'start time: 24h, 7d, today, 2026-11-01, RFC 3339'

function defineCurrent(current: Command): Command {
  explain(current, {
    about:
      'Prints the values that "wfstore metrics rollup" computed last. Only this command supports -o prometheus: the text format of Prometheus, which also includes totals of runs, cost and tokens.',
    examples: [
      'wfstore metrics current --type error_rate',
      'wfstore metrics -o prometheus > wfstore.prom',
    ],
  })
  prints(current, 'rows', metricColumns, { shape: METRICS.shape, kinds: METRIC_KINDS })
  return addStuckAfter(addSort(current, metricColumns))
    .summary('List the newest value of each metric (default)')
    .description('List the newest value of each metric type, user and dimensions.')
    .option('--type <names>', 'filter by type: cost, token_usage, error_rate, …', listOfValues())
    .addOption(
      new Option('--period <name>', 'bucket size')
        .choices(PERIODS)
        .default(undefined, 'the smallest available'),
    )
    .option('--user <ids>', 'filter by user', listOfValues())
    .option('--since <time>', `${SINCE} (default: two buckets ago)`)
}

async function printCurrent(flags: CurrentFlags, context: Context): Promise<void> {
  const { output, ...rest } = flags
  const prometheus = output === 'prometheus'
  const { json, columns, headers, sort: sorted } = flags
  if (prometheus && (json || columns || headers === false || sorted)) {
    throw new WfstoreError(
      'usage',
      '--output prometheus cannot be used with --json, --columns, --no-headers or --sort',
      {
        hint: 'remove the other option',
      },
    )
  }
  const options = prometheus || output === undefined ? rest : { ...rest, output }
  checkOutput(metricColumns, options)
  const sort = sortOf(metricColumns, options)
  const { period } = flags
  const metricType = oneOrMore(flags.type)
  const { since, userId } = await readFilter(options, context)
  const writer = context.writer(options)
  const run = await reader(context, options)
  const now = await context.now(options)
  const rows = await currentMetrics(run, { period, metricType, userId, since, now })
  if (!prometheus) {
    await writer.list(metricColumns, sortRows(metricColumns, sort, rows), { empty: NOTHING_NEW })
    return
  }
  const totals: Total[] = []
  for (const user of flags.user ?? [undefined])
    totals.push({
      user,
      stats: await getStats(run, user),
      stuck: await readStuck(run, user, flags.stuckAfter?.ms),
    })
  const comment = rows.length > 0 ? '' : `# ${NOTHING_NEW}\n`
  await writer.text(comment + prometheusText([...metricFamilies(rows), ...totalFamilies(totals)]))
}

const NOTHING_NEW = 'no recent metrics; run `wfstore metrics rollup` to compute them'

function defineList(list: Command, context: Context): void {
  list
    .alias('ls')
    .summary('List metrics, newest first')
    .description('List metrics, newest first.')
    .option('--type <names>', 'filter by type: cost, token_usage, error_rate, …', listOfValues())
    .option('--period <names>', `filter by bucket size: ${PERIODS.join(', ')}`, listOfValues())
    .option('--user <ids>', 'filter by user', listOfValues())
    .option('--since <time>', BOUNDS)
    .option('--until <time>', 'only buckets that start before this time')
  prints(list, 'rows', metricColumns, { shape: METRICS.shape, kinds: METRIC_KINDS })
  explain(addPaging(list, metricColumns, METRICS), {
    about:
      'TIME is the start of the bucket. cost is in US dollars, token_usage in tokens, execution_time in milliseconds, rates in percent.',
    examples: [
      'wfstore metrics list --type cost --period day --since 30d',
      'wfstore metrics list --user user_7 -o csv > metrics.csv',
    ],
  }).action(async () => {
    const options = list.optsWithGlobals<FilterOptions & PagingOptions & ListFlags>()
    const paging = readPaging(metricColumns, METRICS, options, context.io)
    const { since, until, userId } = await readFilter(options, context)
    const filter = {
      ...{ userId, since, until },
      metricType: oneOrMore(options.type),
      aggregationPeriod: oneOrMore(options.period),
    }
    const writer = context.writer(options)
    const { query: run } = await context.store(options)
    const progress = listProgress(context.io, options)
    const listed = { run, list: METRICS, filter, columns: metricColumns, empty: NONE, progress }
    await printPages(writer, listed, paging)
  })
}

interface ListFlags {
  type?: string[]
  period?: string[]
}

const NONE = 'no metrics; run `wfstore metrics rollup` to compute them'

type RollupFlags = GlobalOptions & { period: Period; since?: string }

function defineRollup(rollup: Command, context: Context): void {
  explain(rollup, {
    about:
      'Buckets start in --tz (default: UTC), weeks on Monday. Buckets of older runs that changed since the last rollup are computed again. A repeated rollup changes nothing, so it can run from cron. Buckets keep their rates when their audit entries are removed.',
    examples: [
      'wfstore metrics rollup --period hour',
      'wfstore metrics rollup --period day --since 2026-11-01 --tz Europe/Berlin',
    ],
  })
  rollup
    .summary('Compute metrics from runs and audit entries')
    .description('Compute metrics from runs and audit entries, by user, model, mode and tool.')
    .addOption(new Option('--period <name>', 'bucket size').choices(PERIODS).makeOptionMandatory())
    .option('--since <time>', 'compute from this time (default: the bucket before the newest)')
    .action(async () => {
      const options = rollup.optsWithGlobals<RollupFlags>()
      checkOutput(rollupColumns, options)
      const { since } = await readFilter(options, context)
      const writer = context.writer(options)
      const { period, tz: timeZone } = options
      const run = await reader(context, options)
      const result = await withProgress(context.io, () =>
        rollupMetrics(run, { period, since, timeZone }),
      )
      if (isData(options) || options.columns) await writer.record(rollupColumns, result)
      else await writer.sentence(lineOf(result))
      if (result.skipped > 0)
        writer.note(
          `${plural(result.skipped, 'value')} not stored: the name of the user is too long for an index`,
        )
    })
}

function lineOf(result: RollupResult): string {
  const { period, since, timeZone, buckets, keptBecauseCleaned: kept, seconds } = result
  const from =
    since === null
      ? 'of all time'
      : `since ${formatTime(since, timeZone, 'minutes')} and of older runs that changed`
  const counts = [
    `${plural(result.inserted, 'value')} inserted`,
    ...(['updated', 'unchanged', 'deleted'] as const).map(
      (what) => `${formatNumber(result[what])} ${what}`,
    ),
    `${formatNumber(kept)} kept`,
  ]
  return `${period} (${timeZone}): ${plural(buckets, 'bucket')} ${from}: ${counts.join(', ')}, ${formatDuration(seconds * 1000)}`
}
