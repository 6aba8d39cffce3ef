import { expect, it } from 'vitest'
import { isTagKey, tagOfKey } from '../../../src/queries/table/tag.ts'

it('tag:team is the key of the tag team; a name may have a colon', () => {
  expect([isTagKey('tag:team'), isTagKey('team'), isTagKey(3)]).toEqual([true, false, false])
  expect([tagOfKey('tag:team'), tagOfKey('tag:a:b')]).toEqual(['team', 'a:b'])
})

it('a key without the name of a tag is refused', () => {
  expect(() => tagOfKey('tag:')).toThrowError('tag: names no tag')
})
