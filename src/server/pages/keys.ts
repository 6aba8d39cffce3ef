import { isTagKey, type TagKey, tagOfKey } from '../../queries/table/tag.ts'
import { html, type Markup, readable } from '../markup/markup.ts'

/** The keys by which a page adds up: 'user', 'model', 'tag:team'. */

export const keyHead = (key: string): string =>
  isTagKey(key) ? `Tag ${tagOfKey(key)}` : `${key.charAt(0).toUpperCase()}${key.slice(1)}`

/** The rows that have no value of the key. */
export const withoutKey = (key: string): string =>
  isTagKey(key) ? `no tag ${tagOfKey(key)}` : `no ${key}`

/** Fields of a form that choose one key or more: two, or as many as the address has. */
export function keyFields(
  label: string,
  keys: readonly string[],
  costTags: readonly string[],
  by: readonly string[],
): Markup {
  const known = [...new Set([...keys, ...costTags.map((tag): TagKey => `tag:${tag}`), ...by])]
  const places = Array.from({ length: Math.max(2, by.length) }, (_, place) => place)
  return html`${places.map(
    (place) =>
      html`<label><span>${place === 0 ? label : 'and by'}</span><select name="by">${place > 0 && html`<option value=""></option>`}${known.map(
        (each) =>
          html`<option value="${each}"${each === by[place] && html` selected`}>${readable(each)}</option>`,
      )}</select></label>`,
  )}`
}
