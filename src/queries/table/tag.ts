import { WfstoreError } from '../../error.ts'
import { nameOf } from './validate.ts'

/** A key of a report: the values of a tag, such as 'tag:team'. */
export type TagKey = `tag:${string}`

const PREFIX = 'tag:'

export const isTagKey = (key: unknown): key is TagKey =>
  typeof key === 'string' && key.startsWith(PREFIX)

/** The name of the tag: 'team' of 'tag:team'. @throws WfstoreError usage without a name */
export function tagOfKey(key: TagKey): string {
  const tag = key.slice(PREFIX.length)
  if (tag !== '') return nameOf('tag', tag)
  throw new WfstoreError('usage', `${key} names no tag`, { hint: 'add its name: tag:team' })
}
