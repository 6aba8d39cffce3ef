import { createHash } from 'node:crypto'
import { plural } from '../../../numbers.ts'
import type { Count } from '../../../tables/types.ts'
import { formatTime } from '../../output/text/format.ts'
import { billSection } from './bill.ts'
import type { PageData } from './data.ts'
import { instantIn, lengthBefore, spanIn } from './dates.ts'
import { html, type Markup, name, readable, textOf, trusted } from './markup.ts'
import { amount, bare, change, count, dollars, share } from './numbers.ts'
import {
  costSection,
  errorsSection,
  runsSection,
  slowSection,
  spendingSection,
} from './sections.ts'
import { STYLE } from './style.ts'

const hash = createHash('sha256').update(STYLE).digest('base64')
/** The page loads nothing and runs no script. */
const POLICY = `default-src 'none'; style-src 'sha256-${hash}'; base-uri 'none'; form-action 'none'`

/** The page as one self-contained HTML file without a script. */
export function pageOf(data: PageData, version: string): string {
  const { database, since, end, until, timeZone } = data
  const span = spanIn(since, until ?? end, timeZone)
  const page = html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${POLICY}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="referrer" content="no-referrer">
<title>Usage and cost, ${span}: ${readable(database)}</title>
<style>${trusted(STYLE)}</style>
</head>
<body>
<header>
<p class="database">${name(database)}</p>
<h1>Usage and cost</h1>
<p class="span">${span} <span class="zone">${timeZone}</span></p>
${narrowing(data)}
</header>
<main>
${headline(data)}
${costSection(data)}
${spendingSection(data)}
${runsSection(data)}
${errorsSection(data)}
${slowSection(data)}
${billSection(data)}
</main>
${about(data, version)}
</body>
</html>
`
  return textOf(page)
}

const FILTERS = [
  ['userId', 'user'],
  ['status', 'status'],
  ['mode', 'mode'],
  ['modelId', 'model'],
  ['workflowName', 'workflow'],
] as const

/** The filters of the report, if any. */
function narrowing({ filter }: PageData): Markup | false {
  const given = FILTERS.flatMap(([field, word]) => {
    const value = filter[field]
    if (value === undefined) return []
    return [html`<li>${word} ${name(typeof value === 'string' ? value : value.join(' or '))}</li>`]
  })
  return given.length > 0 && html`<ul class="filters" aria-label="Only runs of">${given}</ul>`
}

/** The most important numbers. */
function headline(data: PageData): Markup {
  const { totals, before, since, until, end } = data
  const than = lengthBefore(since, until ?? end)
  const against = (now: Count, then: Count | undefined, shown: string) => {
    if (before === null || then === undefined) return null
    const changed = change(Number(now), Number(then))
    return changed === null ? `${than}: ${shown}` : `${changed} compared with ${than} (${shown})`
  }
  const rate = totals.successRate
  const rateBefore = before?.successRate ?? null
  const points = rate === null || rateBefore === null ? null : (rate - rateBefore) * 100
  return html`<dl class="headline">
${figure('Total cost', amount(bare(totals.totalCostExact), '$'), against(totals.totalCost, before?.totalCost, dollars(bare(before?.totalCostExact ?? '0'))), 'cost')}
${figure('Runs', count(totals.totalExecutions), against(totals.totalExecutions, before?.totalExecutions, count(before?.totalExecutions ?? 0)))}
${figure('Success rate', share(rate), points === null ? null : `${signed(points)} points compared with ${than} (${share(rateBefore)})`)}
${figure('Tokens', count(totals.totalTokens), against(totals.totalTokens, before?.totalTokens, count(before?.totalTokens ?? 0)))}
</dl>`
}

const figure = (head: string, value: Markup | string, about: string | null, className = '') =>
  html`<div class="${className}"><dt>${head}</dt><dd class="value">${value}</dd>${about !== null && html`<dd class="about">${about}</dd>`}</div>`

const signed = (points: number) => {
  const text = Math.abs(points).toFixed(1)
  return `${text === '0.0' ? '±' : points < 0 ? '−' : '+'}${text}`
}

function about(data: PageData, version: string): Markup {
  const { timeZone, now, totals, since, beforeSince, filter } = data
  const notes = [
    'Amounts are in US dollars and are not rounded. Totals include runs that cleanup has removed. A run belongs to the time of its start.',
    beforeSince !== null &&
      `The time before, for comparison, is ${instantIn(beforeSince, timeZone)} to ${instantIn(since, timeZone)}.`,
    'The success rate is the share of successful runs among finished runs.',
    totals.historyCut > 0 &&
      `${plural(totals.historyCut, 'removed run')} ${totals.historyCut === 1 ? 'is' : 'are'} counted at the start of a quarter hour that the start or end of this report falls within.`,
    filter.status !== undefined && 'Errors and bills are not filtered by status.',
  ].filter((note) => note !== false)
  return html`<footer>
<h2>About this report</h2>
<ul>${notes.map((note) => html`<li>${note}</li>`)}</ul>
<p>Created ${formatTime(now.toISOString(), timeZone, 'minutes')} ${timeZone} by wfstore ${version} from a snapshot of the database ${name(data.database)}.</p>
</footer>`
}
