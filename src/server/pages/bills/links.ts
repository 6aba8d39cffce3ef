import { html, type Markup } from '../../markup/markup.ts'
import { href, type LinkBase } from '../links.ts'

/** The address of a bill. */
const billHref = (base: LinkBase, period: string, id: string): string =>
  href(base, `/bills/${encodeURIComponent(period)}/${encodeURIComponent(id)}`)

/** A short id that links to its bill; the whole id is its title. */
export const billLink = (base: LinkBase, period: string, id: string): Markup =>
  html`<a class="id" href="${billHref(base, period, id)}" title="${id}">${id.slice(0, 8)}</a>`
