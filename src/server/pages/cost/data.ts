import type { Run } from '../../../db/query/query.ts'
import { getSettings } from '../../../queries/settings.ts'
import { type TimeBound, timeBounds } from '../../../queries/table/filter.ts'
import { isTagKey } from '../../../queries/table/tag.ts'
import { CALENDAR, type CalendarPart } from '../../../queries/usage/calendar.ts'
import { costBy, type Dimension } from '../../../queries/usage/cost.ts'
import { costChanges } from '../../../queries/usage/cost-change.ts'
import { dimensionsOf, fieldOf, isCalendar } from '../../../queries/usage/dimensions.ts'
import type { UsageFilter } from '../../../queries/usage/filter.ts'
import {
  costSeries,
  SERIES_KEYS,
  type Series,
  type SeriesKey,
} from '../../../queries/usage/series.ts'
import type { HistoryUnknown } from '../../../queries/usage/unknown.ts'
import type { Unpriced } from '../../../queries/usage/unpriced.ts'
import type { Count } from '../../../tables/types.ts'
import {
  beginsIn,
  datesBetween,
  dayOf,
  justBefore,
  partFor,
  timeBefore,
} from '../../markup/dates.ts'

/** The number of keys with their own colour. The others share one. */
const COLOURS = 6
/** The number of rows if the address has no `top`. */
export const ROWS = 50

export interface CostQuestion {
  by: readonly Dimension[]
  top: number | undefined
  filter: UsageFilter
  timeZone: string
  now: Date
}

export interface CostSum {
  runs: number
  cost: string
  tokens: Count
  /** Null if the time before is not compared. */
  costBefore: string | null
  difference: string | null
  share: number | null
}

export interface CostLine extends CostSum {
  /** The values of the dimensions, in their order. */
  keys: (string | null)[]
  other: boolean
}

export interface CostData extends CostQuestion {
  /** RFC 3339; null without a begin. */
  since: string | null
  /** The end: `until`, or now. */
  end: string
  /** The begin of the time before, which has the same length; null if there is none. */
  beforeSince: string | null
  /** Whether each row is compared: a date has no date before. */
  comparesRows: boolean
  lines: CostLine[]
  total: CostSum & { runsBefore: number | null }
  /** The number of rows without `top`. */
  groups: number
  historyCut: number
  historyUnknown: HistoryUnknown[]
  unpriced: Unpriced
  part: CalendarPart
  dates: string[]
  /** What the chart shows: the first dimension that it can show, else the model. */
  seriesBy: SeriesKey
  series: Series
  /** The tags whose values are kept of removed runs. */
  costTags: string[]
}

/** All queries of the page; `run` is on one snapshot. @throws WfstoreError usage */
export async function costData(run: Run, question: CostQuestion): Promise<CostData> {
  const { by, filter, timeZone, now } = question
  const dimensions = dimensionsOf(by)
  const bounds = timeBounds(filter)
  const since = instantOf(bounds.since)
  const end = instantOf(bounds.until) ?? now.toISOString()
  const beforeSince = since === null || since >= end ? null : await before(since, end, timeZone)
  const part = partOf(dimensions.find(isCalendar), partFor(since ?? new Date(0).toISOString(), end))
  const seriesBy = dimensions.find(isSeriesKey) ?? 'model'
  const top = seriesBy === 'status' ? undefined : COLOURS
  const series = await costSeries(run, { ...filter, by: seriesBy, part, timeZone, top })
  const found = [...new Set(series.points.flatMap(({ date }) => date ?? []))]
  const first = since === null ? found[0] : dayOf(since, timeZone)
  const last = dayOf(justBefore(end), timeZone)
  return {
    ...question,
    ...{ since, end, beforeSince, part, seriesBy, series },
    comparesRows: beforeSince !== null && !dimensions.some(isCalendar),
    ...(await linesOf(run, question, beforeSince)),
    dates: first === undefined ? [] : datesBetween(part, first, last, found),
    costTags: (await getSettings(run)).costTags,
  }
}

/** The larger of the part of the calendar that is asked for and of the one that gives no more than 100 bars. */
const partOf = (asked: CalendarPart | undefined, fitting: CalendarPart): CalendarPart =>
  asked !== undefined && CALENDAR.indexOf(asked) > CALENDAR.indexOf(fitting) ? asked : fitting

const instantOf = (bound: TimeBound | undefined) =>
  bound === undefined ? null : new Date(bound.at).toISOString()

const isSeriesKey = (dimension: Dimension): dimension is SeriesKey =>
  isTagKey(dimension) || (SERIES_KEYS as readonly string[]).includes(dimension)

/** Whole days are compared with as many days or months, any other time with a time of the same length. */
async function before(since: string, end: string, timeZone: string): Promise<string | null> {
  if (beginsIn('day', since, timeZone) && beginsIn('day', end, timeZone))
    return timeBefore(since, end, timeZone)
  const begin = new Date(2 * Date.parse(since) - Date.parse(end))
  return begin.getUTCFullYear() < 1 ? null : begin.toISOString()
}

type Lines = Pick<
  CostData,
  'lines' | 'total' | 'groups' | 'historyCut' | 'historyUnknown' | 'unpriced'
>

async function linesOf(
  run: Run,
  { by, top = ROWS, filter, timeZone }: CostQuestion,
  beforeSince: string | null,
): Promise<Lines> {
  const { since } = filter
  if (since !== undefined && beforeSince !== null && !by.some(isCalendar)) {
    const { rows, ...rest } = await costChanges(run, { ...filter, by, top, since, beforeSince })
    return { ...rest, lines: rows }
  }
  const { rows, total, ...rest } = await costBy(run, { ...filter, by, top, timeZone })
  const past =
    since === undefined || beforeSince === null
      ? undefined
      : (await costChanges(run, { ...filter, by: 'status', top: 1, since, beforeSince })).total
  const { costPerRun: _, ...sum } = total
  const none = { costBefore: null, difference: null }
  return {
    ...rest,
    lines: rows.map(({ runs, cost, tokens, share, other, ...row }) => ({
      ...{ runs, cost, tokens, share, other, ...none },
      keys: by.map((each) => (row as Record<string, unknown>)[fieldOf(each)] as string | null),
    })),
    total: past
      ? {
          ...sum,
          costBefore: past.costBefore,
          difference: past.difference,
          runsBefore: past.runsBefore,
        }
      : { ...sum, ...none, runsBefore: null },
  }
}
