import { isTagKey, tagOfKey } from '../../../queries/table/tag.ts'
import type { Dimension } from '../../../queries/usage/cost.ts'
import { fieldOf, isCalendar } from '../../../queries/usage/dimensions.ts'
import { shareBar } from '../../markup/chart.ts'
import { nextDate } from '../../markup/dates.ts'
import { html, type Markup, name, nothing } from '../../markup/markup.ts'
import { change, count } from '../../markup/numbers.ts'
import { amounts, type Cells, counts, shares, table, texts } from '../../markup/table.ts'
import { ofAll } from '../../report/section.ts'
import { keyHead, withoutKey } from '../keys.ts'
import { exactly, href, hrefHere, type LinkParameters } from '../links.ts'
import type { PageView } from '../view.ts'
import type { CostData, CostLine } from './data.ts'
import { COST_FILTERS } from './form.ts'

/** The rows of the report, with links that narrow it and that list its runs. */

type Line = Omit<CostLine, 'keys'> & { keys: (string | null)[]; isTotal: boolean }

export function costTable(view: PageView, data: CostData, csv: Markup): Markup {
  const { by, lines, total, groups, comparesRows } = data
  if (lines.length === 0) return nothing('No runs started in this time.')
  const rows = lines.map((line): Line => ({ ...line, isTotal: false }))
  const last: Line = { ...total, keys: by.map(() => null), other: false, isTotal: true }
  const shown = lines.filter(({ other }) => !other).length
  const hasTime = by.some(isCalendar)
  return table({
    caption: `${ofAll(shown, groups, 'row')}, ${hasTime ? 'in order of time' : 'the highest cost first'}`,
    columns: [
      ...by.map((dimension, place) => keyColumn(view, data, dimension, place)),
      amounts<Line>('Cost, USD', 'cost', ({ cost }) => cost),
      {
        head: '',
        kind: 'bar',
        cells: (all) => all.map((row) => (row.isTotal ? '' : shareBar(row.share, 'm0'))),
      },
      shares<Line>('Share', 'share', ({ share }) => share),
      ...(comparesRows
        ? [amounts<Line>('Before, USD', 'costBefore', ({ costBefore }) => costBefore), CHANGE]
        : []),
      runsColumn(view, data),
      counts<Line>('Tokens', 'tokens', ({ tokens }) => tokens),
    ],
    rows,
    total: last,
    isLast: ({ other }) => other,
    csv,
  })
}

const CHANGE: Cells<Line> = {
  head: 'Change',
  kind: 'number',
  cells: (rows) => rows.map(({ cost, costBefore }) => changeOf(cost, costBefore)),
}

/** The change as a ratio; 'new' if there was nothing before. */
export function changeOf(cost: string, before: string | null): string {
  if (before === null) return '–'
  if (Number(before) === 0) return Number(cost) > 0 ? 'new' : '–'
  return change(Number(cost), Number(before)) ?? '–'
}

function keyColumn(
  view: PageView,
  data: CostData,
  dimension: Dimension,
  place: number,
): Cells<Line> {
  const textOf = ({ keys, isTotal, other }: Line) =>
    keys[place] ??
    (place > 0 && (isTotal || other)
      ? ''
      : isTotal
        ? 'total'
        : other
          ? 'all others'
          : withoutKey(dimension))
  return texts<Line>(keyHead(dimension), fieldOf(dimension), textOf, {
    ...(place === 0 && { kind: 'name' }),
    shown: (line) => {
      const key = line.keys[place]
      if (key === null || key === undefined)
        return line.isTotal ? textOf(line) : html`<em>${textOf(line)}</em>`
      // Totals of removed runs have no session, so a session is a filter of runs only.
      const link =
        dimension === 'session'
          ? href(view, '/executions', { session: exactly(key) })
          : hrefHere(view, narrowing(data, dimension, key))
      return html`<a href="${link}">${name(key)}</a>`
    },
  })
}

/** The parameters that select the runs with this value. */
function narrowing({ filter }: CostData, dimension: Dimension, key: string): LinkParameters {
  if (isCalendar(dimension)) {
    const first = dimension === 'month' ? `${key}-01` : key
    return { since: first, until: nextDate(dimension, key) }
  }
  if (!isTagKey(dimension)) return { [dimension]: exactly(key) }
  const others = Object.entries(filter.tags ?? {}).filter(([tag]) => tag !== tagOfKey(dimension))
  return {
    tag: [
      ...others.flatMap(([tag, values]) => [values].flat().flatMap((value) => tagged(tag, value))),
      ...tagged(tagOfKey(dimension), key),
    ],
  }
}

const tagged = (tag: string, value: string) => [exactly(value)].flat().map((one) => `${tag}=${one}`)

/** The number of runs, with a link to those that are kept. */
function runsColumn(view: PageView, data: CostData): Cells<Line> {
  const filters = Object.fromEntries(
    COST_FILTERS.map(({ flag }) => [flag, view.parameters.getAll(flag)]),
  )
  const link = ({ keys, runs }: Line) => {
    const own = data.by.map((dimension, place) => narrowing(data, dimension, keys[place] as string))
    const time = {
      since: view.parameters.get('since') ?? data.since,
      until: view.parameters.get('until'),
    }
    const all: LinkParameters = Object.assign({ ...filters, ...time }, ...own)
    return html`<a class="plain" href="${href(view, '/executions', all)}">${count(runs)}</a>`
  }
  return {
    head: 'Runs',
    kind: 'number',
    data: { name: 'runs', kind: 'count' },
    cells: (rows) =>
      rows.map((line) =>
        line.isTotal || line.other || line.runs === 0 || line.keys.some((key) => key === null)
          ? count(line.runs)
          : link(line),
      ),
  }
}
