import { formatDuration, plural } from '../../../numbers.ts'
import type { FailureTrend } from '../../../queries/errors/groups.ts'
import { html, type Markup } from '../../markup/markup.ts'
import { change } from '../../markup/numbers.ts'

const [WIDTH, HEIGHT] = [7, 24]

/** The runs of both windows as small bars: first the time before, then the window. */
export function spark({ series }: Pick<FailureTrend, 'series'>, ms: number): Markup {
  const half = series.length / 2
  const most = Math.max(1, ...series)
  const part = formatDuration(ms / half)
  const words = (counts: readonly number[]) => counts.join(', ')
  const bar = (runs: number, place: number) => {
    // A part without runs has a line, so that its place is seen.
    const height = runs === 0 ? 1 : Math.max(3, Math.round((runs / most) * HEIGHT))
    const x = WIDTH * (place + (place < half ? 0 : 1))
    return `M${x} ${HEIGHT}v-${height}h${WIDTH - 2}v${height}z`
  }
  const bars = (isPart: (place: number) => boolean) =>
    series.map((runs, place) => (isPart(place) ? bar(runs, place) : '')).join('')
  return html`<svg class="trend-bars" viewBox="0 0 ${WIDTH * series.length + WIDTH} ${HEIGHT}" role="img" aria-label="Runs in parts of ${part}. Before: ${words(series.slice(0, half))}. Now: ${words(series.slice(half))}."><title>${plural(half, 'part')} of ${part}, and as many before; at most ${plural(most, 'run')} in one</title><path class="then" d="${bars((place) => place < half)}"/><path class="now" d="${bars((place) => place >= half)}"/></svg>`
}

/** 'rising', with a mark whose shape says it too. */
export const trendMark = (trend: string): Markup =>
  html`<span class="trend trend-${/^[a-z]+$/.test(trend) ? trend : 'other'}">${trend}</span>`

export const changeText = (now: number, before: number): string =>
  change(now, before) ?? (now > 0 ? 'new' : '–')
