import { show } from '../../output/text/escape.ts'

/** HTML that may stand in the page as it is. Only `html` makes it, so that no text of a database gets there unescaped. */
export interface Markup {
  readonly [written]: string
}
const written = Symbol('written')

type Value = Markup | string | number | null | false | undefined | readonly Value[]

/** HTML of a template: what is put in is escaped, unless it is markup itself. */
export function html(strings: TemplateStringsArray, ...values: Value[]): Markup {
  return trusted(strings.reduce((text, part, index) => text + write(values[index - 1]) + part))
}

/** For what is our own to the last character: a style sheet. */
export const trusted = (text: string): Markup => ({ [written]: text })

export const textOf = (markup: Markup): string => markup[written]

function write(value: Value): string {
  if (value === null || value === undefined || value === false) return ''
  if (typeof value === 'string' || typeof value === 'number') return escaped(String(value))
  return written in value ? value[written] : (value as readonly Value[]).map(write).join('')
}

const ENTITIES: Record<string, string> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
}
const escaped = (text: string) => text.replace(/[&<>"']/g, (char) => ENTITIES[char] as string)

const LONGEST = 120

/** A name out of the database as people can look at it: no character that is not seen, none without end. */
export function readable(text: string): string {
  const chars = [...text.slice(0, 4 * LONGEST)]
  const shown = show(chars.slice(0, LONGEST).join(''))
  return chars.length > LONGEST ? `${shown}…` : shown
}

/** The same in a run of text of its own, so that a name from right to left does not turn what stands beside it. */
export const name = (text: string): Markup => html`<bdi>${readable(text)}</bdi>`

/** Said where a table or a chart would have nothing in it. */
export const nothing = (text: string): Markup => html`<p class="nothing">${text}</p>`
