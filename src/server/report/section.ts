import { plural } from '../../numbers.ts'
import { html, type Markup, nothing } from '../markup/markup.ts'
import { count } from '../markup/numbers.ts'

/** What all sections of the page share. */

type Content = Markup | false | readonly Markup[]

export const section = (title: string, id: string, content: readonly Content[]): Markup =>
  html`<section id="${id}"><h2>${title}</h2>${content}</section>`

export const note = (texts: readonly (string | false)[]): Markup | false => {
  const shown = texts.filter((text) => text !== false)
  return shown.length > 0 && html`<p class="note">${shown.join(' ')}</p>`
}

/** '10 of 163 users', or '8 users' if these are all. */
export const ofAll = (shown: number, all: number, noun: string): string =>
  `${shown < all ? `${count(shown)} of ` : ''}${plural(all, noun)}`

export const NO_RUNS = nothing('No runs started in this time.')
