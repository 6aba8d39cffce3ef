import type { Point, Series } from '../../queries/usage/series.ts'
import { type Bar, stackedBars } from '../markup/chart.ts'
import { csvLink } from '../markup/csv-link.ts'
import { longDate, shortDate } from '../markup/dates.ts'
import { html, type Markup } from '../markup/markup.ts'
import { type Cells, table, texts } from '../markup/table.ts'
import type { PageData } from './data.ts'

/** A series with its own colour in a chart. */
export interface Key {
  /** Null for the rest. */
  key: string | null
  label: string
  className: string
}

interface Drawn {
  /** The caption of the chart and of its table. */
  caption: string
  unit: string
  /** The height of a part. */
  value: (point: Point) => number
  /** The same as text. */
  text: (point: Point) => string
  column: (head: string, of: (row: DateRow) => Point | undefined) => Cells<DateRow>
  /** The name of the CSV file, and of its column with the keys. */
  file: string
  field: string
}

interface DateRow {
  date: string
  of: (key: Key) => Point | undefined
  total: Point | undefined
}

/** A series as a chart with a legend, and as a table. */
export function overTime(
  { part, dates }: Pick<PageData, 'part' | 'dates'>,
  series: Series,
  keys: readonly Key[],
  drawn: Drawn,
): Markup {
  const rows = rowsOf(series, dates)
  const bars = rows.map(({ date, of, total }): Bar => {
    const points = keys.map((key) => ({ key, point: of(key) }))
    const texts = points.flatMap(({ key, point }) =>
      point === undefined ? [] : [`${key.label}: ${drawn.text(point)}`],
    )
    return {
      label: shortDate(part, date),
      title: [
        longDate(part, date),
        total ? `total: ${drawn.text(total)}` : 'no runs',
        ...texts,
      ].join('\n'),
      values: points.map(({ point }) => (point === undefined ? 0 : drawn.value(point))),
    }
  })
  const columns: Cells<DateRow>[] = [
    texts(part, part, ({ date }) => date, { kind: 'name' }),
    drawn.column('total', (row) => row.total),
    ...keys.map((key) => drawn.column(key.label, (row) => row.of(key))),
  ]
  // A row for each date and key: headings from the database could be formulas.
  const csv = csvLink<Point>({
    file: drawn.file,
    rows: series.points.filter(({ isTotal }) => !isTotal),
    columns: [
      { name: part, kind: 'text', value: ({ date }) => date },
      { name: drawn.field, kind: 'text', value: ({ key, other }) => (other ? 'all others' : key) },
      { name: 'runs', kind: 'count' },
      { name: 'cost', kind: 'amount' },
    ],
  })
  const classes = keys.map(({ className }) => className)
  return html`
<ul class="legend" aria-hidden="true">${keys.map(({ label, className }) => html`<li><i class="key ${className}"></i><bdi>${label}</bdi></li>`)}</ul>
${stackedBars({ label: drawn.caption, unit: drawn.unit, classes, bars })}
<details><summary>Table by ${part}</summary>${table({ caption: drawn.caption, file: drawn.file, columns, rows, csv })}</details>`
}

function rowsOf({ points }: Series, dates: readonly string[]): DateRow[] {
  const byDate = new Map<string | null, Point[]>()
  for (const point of points) {
    const own = byDate.get(point.date)
    if (own) own.push(point)
    else byDate.set(point.date, [point])
  }
  return dates.map((date) => {
    const own = byDate.get(date) ?? []
    return {
      date,
      of: ({ key }) =>
        own.find((p) => !p.isTotal && (key === null ? p.other : !p.other && p.key === key)),
      total: own.find(({ isTotal }) => isTotal),
    }
  })
}
