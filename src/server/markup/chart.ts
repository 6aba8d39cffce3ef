import { scaleBand, scaleLinear } from 'd3-scale'
import { type SeriesPoint, stack, stackOffsetDiverging } from 'd3-shape'
import { html, type Markup } from './markup.ts'

/** The data of a chart: a bar per date, with a part per key. */
export interface Bars {
  /** The description for screen readers. */
  label: string
  /** The CSS class of each key, for its colour. */
  classes: string[]
  bars: Bar[]
  /** Prefix of the numbers on the axis, such as '$'. */
  unit: string
}

export interface Bar {
  /** Below the bar, if there is room. */
  label: string
  /** Tooltip. */
  title: string
  /** One per key. Only for drawing: the numbers in the page come from SQL. */
  values: number[]
}

interface Size {
  className: string
  width: number
  height: number
  titles: boolean
}

/** Two drawings, so that text has the same size on a phone and on a screen. The style sheet shows one. */
const WIDE: Size = { className: 'wide', width: 920, height: 260, titles: true }
const NARROW: Size = { className: 'narrow', width: 400, height: 240, titles: false }

const LETTER = 7.4
const LABEL_ROOM = 64
const TOP = 10
const BOTTOM = 24
const RIGHT = 14
const WIDEST_BAR = 56
const TICKS = 4

/** Stacked bars as SVG without a script, for printing and for mail programs that remove scripts. */
export const stackedBars = (bars: Bars): Markup =>
  html`<div class="chart">${drawing(bars, WIDE)}${drawing(bars, NARROW)}</div>`

function drawing({ label, classes, bars, unit }: Bars, size: Size): Markup {
  const { className, width, height, titles } = size
  const places = bars.map((_, index) => index)
  const stacked = stack<number, number>()
    .keys(classes.map((_, key) => key))
    .value((place, key) => bars[place]?.values[key] ?? 0)
    // Negative values, from corrections, are below the line.
    .offset(stackOffsetDiverging)(places)
  const ends = stacked.flat(2)
  const [low, high] = [Math.min(0, ...ends), Math.max(0, ...ends)]
  const y = scaleLinear()
    .domain([low, high > low ? high : 1])
    .nice(TICKS)
    .range([height - BOTTOM, TOP])
  const ticks = y.ticks(TICKS).map((value) => ({ at: y(value), text: tickText(y, value, unit) }))
  const left = Math.max(...ticks.map(({ text }) => text.length)) * LETTER + 10
  const x = scaleBand<number>()
    .domain(places)
    .range([left, width - RIGHT])
    .paddingInner(0.22)
    .paddingOuter(0.1)
  const thick = Math.min(x.bandwidth(), WIDEST_BAR)
  const center = (place: number) => (x(place) ?? 0) + x.bandwidth() / 2
  const each = Math.max(1, Math.ceil(LABEL_ROOM / x.step()))
  return html`
<svg class="${className}" viewBox="0 0 ${width} ${height}" role="img" aria-label="${label}">
${ticks.map(({ at, text }) => html`<line class="rule" x1="${round(left)}" x2="${width}" y1="${round(at)}" y2="${round(at)}"/><text class="tick" x="${round(left - 8)}" y="${round(at + 4)}" text-anchor="end">${text}</text>`)}
<line class="zero" x1="${round(left)}" x2="${width}" y1="${round(y(0))}" y2="${round(y(0))}"/>
${places.filter((place) => place % each === 0).map((place) => html`<text class="tick" x="${round(center(place))}" y="${height - 6}" text-anchor="middle">${bars[place]?.label}</text>`)}
${bars.map((bar, place) => {
  const begin = center(place) - thick / 2
  const parts = stacked.map((parts, key) =>
    part(parts[place], y, classes[key] as string, begin, thick),
  )
  const title = titles && html`<title>${bar.title}</title>`
  const room = html`<rect class="room" x="${round(center(place) - x.step() / 2)}" y="${TOP}" width="${round(x.step())}" height="${height - BOTTOM - TOP}"/>`
  return html`<g>${title}${titles && room}${parts}</g>`
})}
</svg>`
}

function part(
  ends: SeriesPoint<number> | undefined,
  y: (value: number) => number,
  className: string,
  x: number,
  width: number,
): Markup | false {
  if (ends === undefined || ends[0] === ends[1]) return false
  const [bottom, top] = [y(ends[0]), y(ends[1])]
  return html`<rect class="${className}" x="${round(x)}" y="${round(Math.min(top, bottom))}" width="${round(width)}" height="${round(Math.abs(bottom - top))}"/>`
}

/** As many decimals as the axis needs; large numbers with k, M and G. */
function tickText(y: ReturnType<typeof scaleLinear<number>>, value: number, unit: string): string {
  if (value === 0) return `${unit}0`
  const largest = Math.max(...y.domain().map(Math.abs))
  const plain = y.tickFormat(TICKS, largest >= 10_000 ? 's' : ',f')(value)
  // Dollars have two decimals or none.
  const text = unit === '$' ? plain.replace(/\.\d$/, '$&0') : plain
  return text.startsWith('−') ? `−${unit}${text.slice(1)}` : `${unit}${text}`
}

const round = (value: number) => Number(value.toFixed(2))

/** A share as a bar in a table row. */
export const shareBar = (share: number | null, className: string): Markup => {
  const length = Math.min(100, Math.max(0, (share ?? 0) * 100))
  return html`<svg class="share" viewBox="0 0 100 8" preserveAspectRatio="none" aria-hidden="true"><rect class="${className}" width="${round(length)}" height="8"/></svg>`
}
