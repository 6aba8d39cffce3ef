import { show } from '../../cli/output/text/escape.ts'

/** HTML that needs no escaping. Only `html` creates it, so that text from a database is always escaped. */
export interface Markup {
  readonly [written]: string
}
const written = Symbol('written')

type Value = Markup | string | number | null | false | undefined | readonly Value[]

/** HTML from a template. Values are escaped, except markup. */
export function html(strings: TemplateStringsArray, ...values: Value[]): Markup {
  return trusted(strings.reduce((text, part, index) => text + write(values[index - 1]) + part))
}

/** Only for constant text of wfstore, such as the style sheet. */
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

/** A name from the database, shortened, with invisible characters made visible. */
export function readable(text: string): string {
  const chars = [...text.slice(0, 4 * LONGEST)]
  const shown = show(chars.slice(0, LONGEST).join(''))
  return chars.length > LONGEST ? `${shown}…` : shown
}

/** The same, isolated, so that a right-to-left name does not reorder the text around it. */
export const name = (text: string): Markup => html`<bdi>${readable(text)}</bdi>`

/** Replaces an empty table or chart. */
export const nothing = (text: string): Markup => html`<p class="nothing">${text}</p>`
