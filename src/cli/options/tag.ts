import { WfstoreError } from '../../error.ts'
import type { TagFilter } from '../../queries/table/filter.ts'
import { list, listOfValues } from './values.ts'

/** The values of one --tag, and its text. */
export interface TagOption {
  tag: string
  text: string
}

const parseTag = list<TagOption>((given, previous = []) => {
  const [, tag = '', text = ''] = /^([^=]*)=(.*)$/s.exec(given) ?? []
  if (tag.trim() === '' || text === '') {
    const missing = tag.trim() === '' && given.includes('=') ? 'name' : 'value'
    throw new WfstoreError('usage', `--tag ${JSON.stringify(given)} has no ${missing}`, {
      hint: 'use --tag NAME=VALUE, such as --tag team=sales',
    })
  }
  return [...previous, { tag: tag.trim(), text }]
})

/** The flags, the description and the parser of --tag. */
export const tagOption = [
  '--tag <name=values>',
  'filter by tag: team=sales; repeat it for other tags',
  parseTag,
] as const

/**
 * The filter of all --tag: each name, with any of its values. As in other filters, a text is a list with commas, and a text that
 * is given twice is one value.
 */
export function tagsOf(options: readonly TagOption[] | undefined): TagFilter | undefined {
  if (options === undefined) return undefined
  const values = new Map<string, string[]>()
  const parse = listOfValues()
  for (const { tag, text } of options) values.set(tag, parse(text, values.get(tag)))
  for (const [tag, of] of values) checkValues(tag, of)
  return Object.fromEntries(values)
}

/** @throws WfstoreError usage for team=sales,project=x, which would otherwise find no run */
function checkValues(tag: string, values: readonly string[]): void {
  const other = values.length > 1 ? values.find((value) => value.includes('=')) : undefined
  if (other === undefined) return
  throw new WfstoreError('usage', `--tag ${tag} has the value ${JSON.stringify(other)}`, {
    hint: `use --tag again for another tag: --tag ${tag}=… --tag ${other}`,
  })
}
