import { WfstoreError } from '../../error.ts'
import type { ExecutionFilter } from '../../queries/table/filter.ts'
import { timeZoneOf, zoneHint } from '../../time-zone.ts'
import { html, type Markup, textOf, trusted } from '../markup/markup.ts'
import type { Right, Site, SiteConnection } from '../site.ts'
import type { LinkBase } from './links.ts'

export { snapshot as inSnapshot } from '../snapshot.ts'

/** What is asked for: the same request gives the same page, for each caller with the same right. */
export interface PageRequest extends LinkBase {
  site: Site
  /** Without empty ones, which a form sends for fields that are not filled in. */
  parameters: URLSearchParams
  /** The variable parts of the path, such as the id of '/executions/:id'. */
  variables: Readonly<Record<string, string>>
  /** The zone in which all times of the page are shown. */
  timeZone: string
  /** What the caller may do. */
  can: Right
}

/** A page that is being made. */
export interface PageView extends PageRequest, SiteConnection {
  signal: AbortSignal
  now: Date
  /** 0 for the page itself, then the number of the update. What is expensive can be left out of an update. */
  update: number
  /**
   * Marks a part of the page that live updates replace. Its content must not depend on the time alone: a change is sent to
   * all clients. In an update the part may be left out.
   */
  live: (id: string, content: Markup, tag?: 'div' | 'li') => Markup
  /** A short sentence for screen readers, read out when it changes: '3 runs are running'. */
  news: (sentence: string) => void
}

/** The parts of a page that live updates replace, by their ids. */
export type LiveParts = Map<string, string>
/** The id of the part with the sentence for screen readers. */
const NEWS = 'news'

export function viewOf(
  request: PageRequest,
  connection: SiteConnection,
  signal: AbortSignal,
  update = 0,
): { view: PageView; parts: LiveParts } {
  const parts: LiveParts = new Map()
  const view: PageView = {
    ...request,
    ...connection,
    signal,
    now: request.site.now(),
    update,
    live: (id, content, tag = 'div') => {
      const [begin, end] = [trusted(`<${tag}`), trusted(`</${tag}>`)]
      const part = html`${begin} id="${id}" data-live>${content}${end}`
      parts.set(id, textOf(part))
      return part
    },
    news: (sentence) => {
      parts.set(NEWS, textOf(html`${sentence}`))
    },
  }
  return { view, parts }
}

/** The zone that an address names; undefined if it names none. @throws WfstoreError usage for an unknown zone */
export function zoneIn(parameters: URLSearchParams): string | undefined {
  const given = parameters.get('tz')
  if (given === null) return undefined
  const known = timeZoneOf(given)
  if (known !== undefined) return known
  throw new WfstoreError('usage', `tz is ${JSON.stringify(given)}, not a time zone`, {
    hint: zoneHint(given),
  })
}

/** Parameters that are not filters of `executions list`, on each page. */
const NO_FILTERS = ['tz', 'cursor']

/**
 * The filter in the address, read as by the command line.
 * @param own the other parameters that the page has. All else must be a filter.
 * @throws WfstoreError usage for an unknown parameter or an invalid value
 */
export function filterOf(view: PageView, own: readonly string[] = []): Promise<ExecutionFilter> {
  const { site, parameters, timeZone } = view
  const filters = new URLSearchParams(
    [...parameters].filter(([name]) => ![...NO_FILTERS, ...own].includes(name)),
  )
  filters.set('tz', timeZone)
  const cursor = parameters.get('cursor') ?? parameters.get('before')
  // Times such as 24h count from the same instant on all pages of a list.
  if (cursor !== null) filters.set('cursor', cursor)
  return site.commandLine.readFilter(filters, view)
}
