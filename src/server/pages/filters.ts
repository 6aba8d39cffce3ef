import { EXECUTION_STATUSES } from '../../tables/executions.ts'
import { html, type Markup, name, readable, textOf } from '../markup/markup.ts'
import { hrefHere } from './links.ts'
import type { PageView } from './view.ts'

/** A filter of a page. It has the name of its flag. */
export interface FilterField {
  flag: string
  label: string
  /** An example of a value. */
  example?: string
  /** All values that are possible: boxes to tick. */
  choices?: readonly string[]
  /** Values that are offered. */
  offered?: readonly string[]
  /** Hidden until it is used. */
  rare?: true
}

/** The filters of `executions list`. */
export const FILTERS: readonly FilterField[] = [
  { flag: 'status', label: 'Status', choices: EXECUTION_STATUSES },
  ...([
    {
      flag: 'since',
      label: 'Since',
      example: '24h, today, 2026-11-01',
      offered: ['1h', '24h', '7d', '30d', 'today', 'yesterday'],
    },
    { flag: 'until', label: 'Until', example: '1h, 2026-11-30', offered: ['1h', '24h', 'today'] },
    { flag: 'workflow', label: 'Workflow' },
    { flag: 'user', label: 'User' },
    { flag: 'model', label: 'Model', rare: true },
    { flag: 'mode', label: 'Mode', rare: true },
    { flag: 'tool', label: 'Tool', rare: true },
    { flag: 'tag', label: 'Tag', example: 'team=sales', rare: true },
    { flag: 'session', label: 'Session', rare: true },
    { flag: 'parent', label: 'Started by run', example: '0193f1c2', rare: true },
    { flag: 'execution', label: 'Run', example: '0193f1c2', rare: true },
  ] as const satisfies readonly FilterField[]),
]

/** Some of the filters: `filtersOf('since', 'until', 'user')`. */
export const filtersOf = (...flags: string[]): FilterField[] =>
  flags.flatMap((flag) => FILTERS.find((field) => field.flag === flag) ?? [])

/**
 * The form with the filters, and the filters that are set with links that remove them. Other parameters of the address, except
 * the cursor, are kept.
 * @param more other fields of the form, such as a choice of the dimension
 */
export function filterForm(
  view: PageView,
  fields: readonly FilterField[],
  more: Markup | false = false,
): Markup {
  const { site, path, parameters } = view
  const own = new Set([...fields.map(({ flag }) => flag), ...PLACE])
  const inMore = new Set(more ? fieldNames(more) : [])
  const kept = [...parameters].filter(([flag]) => !own.has(flag) && !inMore.has(flag))
  const isOpen = fields.some(({ flag, rare }) => rare && parameters.has(flag))
  const rare = fields.filter((field) => field.rare)
  return html`<form class="filter" method="get" action="${site.basePath}${path}" role="search" aria-label="Filter">
${kept.map(([flag, value]) => html`<input type="hidden" name="${flag}" value="${value}">`)}
<div class="fields">${more}${fields.filter((field) => !field.rare).map((field) => control(view, field))}<div><button class="button main">Show</button></div></div>
${rare.length > 0 && html`<details${isOpen && html` open`}><summary>More filters</summary><div class="fields">${rare.map((field) => control(view, field))}</div></details>`}
</form>
${chips(view, fields)}`
}

/** Parameters of a place in a list, which another filter does not have. */
const PLACE = ['cursor', 'before']

const fieldNames = (more: Markup) =>
  [...textOf(more).matchAll(/ name="([\w-]+)"/g)].map((found) => found[1] as string)

function control({ parameters }: PageView, field: FilterField): Markup {
  const { flag, label, example, choices, offered } = field
  const values = parameters.getAll(flag)
  if (choices) {
    const given = new Set(values.flatMap((value) => value.split(',')))
    return html`<fieldset><legend>${label}</legend><div class="choices">${choices.map(
      (choice) =>
        html`<label><input type="checkbox" name="${flag}" value="${choice}"${given.has(choice) && html` checked`}>${choice}</label>`,
    )}</div></fieldset>`
  }
  // Several values of one name stay as they are given.
  const [first = '', ...others] = values
  const list = offered && html` list="offered-${flag}"`
  return html`<label><span>${label}</span><input name="${flag}" value="${first}"${example !== undefined && html` placeholder="${example}"`}${list} autocomplete="off" spellcheck="false"></label>${others.map((value) => html`<input type="hidden" name="${flag}" value="${value}">`)}${offered && html`<datalist id="offered-${flag}">${offered.map((value) => html`<option value="${value}"></option>`)}</datalist>`}`
}

/** The filters that are set, each with a link that removes it. */
export function chips(view: PageView, fields: readonly FilterField[]): Markup | false {
  const { parameters } = view
  const set = fields.filter(({ flag }) => parameters.has(flag))
  if (set.length === 0) return false
  const none = Object.fromEntries([...fields.map(({ flag }) => flag), ...PLACE].map(removed))
  return html`<ul class="chips" aria-label="Filters">${set.map((field) => {
    const { flag, label } = field
    const shown = [...new Set(parameters.getAll(flag))].join(', ')
    const without = hrefHere(view, Object.fromEntries([flag, ...PLACE].map(removed)))
    return html`<li><span>${label}: ${name(shown)}</span><a class="remove" href="${without}" aria-label="Remove ${label}: ${readable(shown)}">×</a></li>`
  })}${set.length > 1 && html`<li class="all"><a href="${hrefHere(view, none)}">Remove all</a></li>`}</ul>`
}

const removed = (flag: string) => [flag, null] as const
