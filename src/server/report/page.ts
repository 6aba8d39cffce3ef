import { createHash } from 'node:crypto'
import { formatTime } from '../../cli/output/text/format.ts'
import { unknownNotes } from '../../queries/usage/notes.ts'
import type { Count } from '../../tables/types.ts'
import { instantIn, justBefore, lengthBefore, spanIn } from '../markup/dates.ts'
import { html, type Markup, name, readable, textOf, trusted } from '../markup/markup.ts'
import { change, count, dollars, money, share } from '../markup/numbers.ts'
import type { PageData } from './data.ts'
import { executionsSection } from './executions.ts'
import { monthsSection, otherPeriodsNote, verdict } from './months.ts'
import { SCRIPT } from './script.ts'
import {
  costSection,
  errorsSection,
  runsSection,
  slowSection,
  spendingSection,
} from './sections.ts'
import { STYLE } from './style.ts'
import { billsSection, usersSection } from './users.ts'

const hash = (text: string) => `'sha256-${createHash('sha256').update(text).digest('base64')}'`
/** The page loads nothing, and only its own style and script have an effect. */
export const POLICY = `default-src 'none'; style-src ${hash(STYLE)}; script-src ${hash(SCRIPT)}; base-uri 'none'; form-action 'none'`

/** The page as one self-contained HTML file. */
export function pageOf(data: PageData, version: string): string {
  const { database, since, until, timeZone } = data
  const span = spanIn(since, until, timeZone)
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
${lag(data)}
</header>
<main>
${verdict(data)}
${headline(data)}
${contents(data)}
${monthsSection(data)}
${usersSection(data)}
${costSection(data)}
${spendingSection(data)}
${runsSection(data)}
${executionsSection(data)}
${errorsSection(data)}
${slowSection(data)}
${billsSection(data)}
</main>
${about(data, version)}
<script>${trusted(SCRIPT)}</script>
</body>
</html>
`
  return textOf(page)
}

const CONTENTS = [
  ['months', 'Bills by month'],
  ['users', 'Users'],
  ['cost', 'Cost'],
  ['spending', 'Workflows and modes'],
  ['runs', 'Status'],
  ['executions', 'Executions'],
  ['errors', 'Errors'],
  ['slow', 'Slowest workflows'],
  ['bills', 'Bill of each user'],
] as const
/** Without users there are no bills. */
const contents = ({ statements }: PageData) =>
  html`<nav aria-label="Contents">${CONTENTS.filter(
    ([id]) => id !== 'bills' || statements.users.length > 0,
  ).map(([id, title]) => html`<a href="#${id}">${title}</a> `)}</nav>`

/** A standby may lack what its primary server has. */
function lag({ standby, timeZone }: PageData): Markup | false {
  if (standby === null) return false
  const { replayedAt } = standby
  const until =
    replayedAt === null
      ? ''
      : ` Its last transaction is of ${formatTime(replayedAt, timeZone, 'seconds')}.`
  return html`<p class="verdict">Read from a standby server, which may lack the newest runs and bills.${until}</p>`
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
  const tags = Object.entries(filter.tags ?? {}).map(
    ([tag, values]) => html`<li>tag ${name(tag)} ${name([values].flat().join(' or '))}</li>`,
  )
  given.push(...tags)
  return given.length > 0 && html`<ul class="filters" aria-label="Only runs of">${given}</ul>`
}

/** The most important numbers. */
function headline(data: PageData): Markup {
  const { totals, before, since, until, timeZone, now } = data
  const than = lengthBefore(since, until, timeZone)
  // Only today may be missing: the change from a whole month to a few days has no meaning.
  const isOver = Date.parse(until) - now.getTime() <= DAY_MS
  const against = (present: Count, then: Count | undefined, shown: string) => {
    if (before === null || then === undefined) return null
    const changed = isOver ? change(Number(present), Number(then)) : null
    return changed === null ? `${than}: ${shown}` : `${changed} compared with ${than} (${shown})`
  }
  const rate = totals.successRate
  const rateBefore = before?.successRate ?? null
  const points = rate === null || rateBefore === null ? null : (rate - rateBefore) * 100
  return html`<dl class="headline">
${figure('Total cost', money(totals.totalCostExact), against(totals.totalCost, before?.totalCost, dollars(before?.totalCostExact ?? '0')), 'cost')}
${figure('Runs', count(totals.totalExecutions), against(totals.totalExecutions, before?.totalExecutions, count(before?.totalExecutions ?? 0)))}
${figure('Success rate', share(rate), points === null ? null : `${signed(points)} points compared with ${than} (${share(rateBefore)})`)}
${figure('Tokens', count(totals.totalTokens), against(totals.totalTokens, before?.totalTokens, count(before?.totalTokens ?? 0)))}
</dl>`
}

const DAY_MS = 86_400_000

const figure = (head: string, value: Markup | string, about: string | null, className = '') =>
  html`<div class="${className}"><dt>${head}</dt><dd class="value">${value}</dd>${about !== null && html`<dd class="about">${about}</dd>`}</div>`

const signed = (points: number) => {
  const text = Math.abs(points).toFixed(1)
  return `${text === '0.0' ? '±' : points < 0 ? '−' : '+'}${text}`
}

function about(data: PageData, version: string): Markup {
  const { timeZone, now, since, until, beforeSince, filter, rounded } = data
  const notes = [
    'Amounts are in US dollars. On this page they are rounded: the title of an amount and the CSV of a table have all digits.',
    `The report covers whole days in ${timeZone}. A run belongs to the day on which it started. Totals include runs that cleanup has removed.`,
    ...rounded.map(
      ({ flag, given, to }) =>
        `${flag} is ${instantIn(given, timeZone)}; the report ${flag === '--since' ? 'begins' : 'ends'} at ${formatTime(to, timeZone, 'minutes')}.`,
    ),
    Date.parse(until) > now.getTime() &&
      `It was created before the end of its last day, ${instantIn(justBefore(until), timeZone).split(',')[0]}.`,
    beforeSince !== null &&
      `The time before, for comparison, is ${spanIn(beforeSince, since, timeZone)}.`,
    'The success rate is the share of successful runs among finished runs.',
    ...unknownNotes(data.totals.historyUnknown, filter).map((note) => `${note}.`),
    filter.status !== undefined && 'Errors and bills are not filtered by status.',
  ].filter((note) => note !== false)
  return html`<footer>
<h2>About this report</h2>
<ul>${notes.map((note) => html`<li>${note}</li>`)}${otherPeriodsNote(data)}</ul>
<p>Created ${formatTime(now.toISOString(), timeZone, 'minutes')} ${timeZone} by wfstore ${version} from a snapshot of the database ${name(data.database)}.</p>
</footer>`
}
