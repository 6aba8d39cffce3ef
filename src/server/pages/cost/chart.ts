import { isTagKey, tagOfKey } from '../../../queries/table/tag.ts'
import { html, type Markup, nothing, readable } from '../../markup/markup.ts'
import { dollars } from '../../markup/numbers.ts'
import { amounts } from '../../markup/table.ts'
import { type Key, overTime } from '../../report/over-time.ts'
import type { CostData } from './data.ts'

/** The cost over time by the first dimension that is not a date. */
export function costChart(data: CostData): Markup {
  const { part, seriesBy, series, dates } = data
  const title = `Cost per ${part} by ${isTagKey(seriesBy) ? `tag ${tagOfKey(seriesBy)}` : seriesBy}`
  const keys = series.keys.map(
    (key, index): Key => ({
      key,
      label: key === '' && isTagKey(seriesBy) ? `no tag ${tagOfKey(seriesBy)}` : readable(key),
      className: seriesBy === 'status' ? `s-${key}` : `m${index}`,
    }),
  )
  if (series.points.some(({ other }) => other))
    keys.push({ key: null, label: 'all others', className: 'm-other' })
  const chart = overTime(data, series, keys, {
    caption: `${title}, in US dollars`,
    unit: '$',
    value: ({ cost }) => Number(cost),
    text: ({ cost }) => dollars(cost),
    column: (head, of) => amounts(head, head, (row) => of(row)?.cost ?? null),
    file: 'cost-over-time',
    field: seriesBy,
  })
  return html`<section><h2>${title}</h2>${dates.length > 0 ? chart : nothing('No runs started in this time.')}</section>`
}
