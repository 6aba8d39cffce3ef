import { html, type Markup } from '../markup/markup.ts'

/** The most important number of a page, with a line about it. */
export const figure = (
  head: string,
  value: Markup | string,
  about: Markup | string | null = null,
  tone: 'bad' | 'warn' | '' = '',
): Markup =>
  html`<div${tone !== '' && html` class="${tone}"`}><dt>${head}</dt><dd class="value">${value}</dd>${about !== null && html`<dd class="about">${about}</dd>`}</div>`

export const figures = (all: readonly Markup[]): Markup => html`<dl class="figures">${all}</dl>`

/** What a page does not show, or shows with a limit. */
export const notes = (texts: readonly (string | Markup | false | undefined)[]): Markup[] =>
  texts.flatMap((text) => (text ? html`<p class="note">${text}</p>` : []))
