import { countCleanup } from '../../../cleanup/count.ts'
import { lossesOf, readEffects } from '../../../cleanup/effects.ts'
import { newestRunWords } from '../../../cleanup/newest-run-words.ts'
import type { CleanupCounts } from '../../../cleanup/types.ts'
import { unpricedWords } from '../../../cleanup/unpriced.ts'
import { formatDuration, plural } from '../../../numbers.ts'
import { isTimeout } from '../../database.ts'
import { html, type Markup } from '../../markup/markup.ts'
import { count } from '../../markup/numbers.ts'
import { counts, table, texts } from '../../markup/table.ts'
import { time } from '../cells.ts'
import { notes } from '../figures.ts'
import { sentence } from '../problem.ts'
import type { PageView } from '../view.ts'

/** What a cleanup would remove. */

/** A count that takes longer is given up. */
const COUNT_MS = 10_000

export interface CleanupQuestion {
  days: number
  keepLast: number | undefined
}

interface Plan {
  counts: CleanupCounts
  /** What no restore brings back, and what else to know before it. */
  warnings: string[]
}

/** Undefined if the count takes too long. @throws WfstoreError */
export async function planOf(
  { client, signal }: Pick<PageView, 'client' | 'signal'>,
  planned: CleanupQuestion,
  limitMs = COUNT_MS,
): Promise<Plan | undefined> {
  try {
    const counts = await countCleanup(client, planned, limitMs)
    const newest = newestRunWords(counts)
    const unpriced = await unpricedWords(client, counts.cutoff)
    const losses = lossesOf(await readEffects(client), false)
    const given = [...losses, ...(unpriced ? [unpriced] : []), ...(newest ? [newest] : [])]
    return { counts, warnings: given }
  } catch (error) {
    if (isTimeout(error) && !signal.aborted) return undefined
    throw error
  }
}

interface Row {
  what: string
  remove: number
  /** Null for steps, which are kept with their run. */
  kept: number | null
  why: string
}

export function planSection(
  view: Pick<PageView, 'timeZone'>,
  { days, keepLast }: CleanupQuestion,
  plan: Plan | undefined,
): Markup {
  const command = `wfstore cleanup --days ${days}${keepLast === undefined ? '' : ` --keep-last ${keepLast}`}`
  const title = `A cleanup of ${plural(days, 'day')} would remove`
  if (plan === undefined) {
    return html`<section><h2>${title}</h2><p class="notice">The count takes longer than ${formatDuration(COUNT_MS)}. Run <code>${command} --dry-run</code>, which has no limit.</p></section>`
  }
  const { counts: counted, warnings } = plan
  const { unbilled } = counted
  const [has, it] = unbilled === 1 ? ['has', 'it'] : ['have', 'them']
  return html`<section><h2>${title}</h2>
<p class="about">Older than ${time(view, counted.cutoff, 'minutes')}. Nothing is changed by this page.</p>
${warnings.map((warning) => html`<p class="notice">${sentence(warning)}</p>`)}
${table({
  caption: 'Rows older than this, by table',
  file: `cleanup-${days}-days`,
  columns: [
    texts<Row>('Table', 'table', ({ what }) => what, { kind: 'name', shown: ({ what }) => what }),
    counts<Row>('Would be removed', 'remove', ({ remove }) => remove),
    counts<Row>('Kept though old', 'kept', ({ kept }) => kept),
    texts<Row>('Why they are kept', 'why', ({ why }) => why, { shown: ({ why }) => why }),
  ],
  rows: rowsOf(counted),
})}
${notes([
  unbilled > 0 &&
    `${count(unbilled)} of these runs ${has} no bill; afterwards the check of bills no longer finds ${it}.`,
  'Totals do not change: the cost, tokens and numbers of removed runs stay in all reports. Bills are kept.',
  html`To do it: <code>${command}</code>, with <code>--archive FOLDER</code> to keep the rows in files.`,
])}</section>`
}

function rowsOf({ remove, kept }: CleanupCounts): Row[] {
  const { running, endedLater, newest, protected: guarded } = kept.execution
  const by = kept.protectedBy.length > 0 ? ` by ${kept.protectedBy.join(', ')}` : ''
  const words = (parts: readonly (readonly [number, string])[]) =>
    parts
      .filter(([number]) => number > 0)
      .map(([number, text]) => `${count(number)} ${text}`)
      .join(', ')
  const runs = running + endedLater + newest + guarded
  return [
    {
      what: 'runs',
      remove: remove.execution,
      kept: runs,
      why: words([
        [running, 'running'],
        [endedLater, 'ended later'],
        [newest, 'newest of their workflow'],
        [guarded, `protected${by}`],
      ]),
    },
    { what: 'steps', remove: remove.step, kept: null, why: runs > 0 ? 'kept with their runs' : '' },
    {
      what: 'audit entries',
      remove: remove.audit,
      kept: kept.audit.runKept + kept.audit.protected,
      why: words([
        [kept.audit.runKept, 'of kept runs'],
        [kept.audit.protected, `protected${by}`],
      ]),
    },
    {
      what: 'metrics',
      remove: remove.metric,
      kept: kept.metric.protected,
      why: words([[kept.metric.protected, `protected${by}`]]),
    },
  ]
}
