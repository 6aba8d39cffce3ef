import { show } from '../../../cli/output/text/escape.ts'
import { LONGEST_TEXT } from '../../../queries/executions/limited.ts'
import { html, type Markup } from '../../markup/markup.ts'

/** A long text or JSON of which only the beginning was read, with its line breaks. '' is a value too large to show. */
export function payload(label: string, text: string | null, whole: string): Markup | false {
  if (text === null || text === 'null') return false
  const link = html`<a href="${whole}">whole in JSON</a>`
  if (text === '')
    return html`<p class="payload-head">${label} <em>is too large to show; ${link}</em></p>`
  const isCut = text.length > LONGEST_TEXT
  return html`<p class="payload-head">${label}${isCut && html` <em>the first ${LONGEST_TEXT} characters; ${link}</em>`}</p>
<pre tabindex="0">${cut(text)}</pre>`
}

/** With line breaks, and hidden characters made visible. */
export const cut = (text: string): string =>
  text.length > LONGEST_TEXT
    ? `${show(text.slice(0, LONGEST_TEXT).replace(/[\ud800-\udbff]$/, ''), LINES)}…`
    : show(text, LINES)
const LINES = ['\n', '\t']

/** Whether there is no data: PostgreSQL writes an empty object on two lines. */
export const isEmpty = (json: string | null): boolean =>
  json === null || /^(?:null|\{\s*\})$/.test(json)
