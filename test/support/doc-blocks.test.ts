import { expect, it } from 'vitest'
import { blocksOf, commandsIn, matches, shownIn, withLines } from './doc-blocks.ts'

const page = [
  '1. Look:',
  '',
  '   ```console',
  '   $ a',
  '   1',
  '   ```',
  '',
  '```sh',
  'b \\',
  '  --c # d',
  '```',
].join('\n')

it('blocks have their language, their lines without the indent, and a place to put others', () => {
  const [first, second] = blocksOf(page)
  expect([first?.language, first?.lines]).toEqual(['console', ['$ a', '1']])
  expect(shownIn(first?.lines ?? [])).toEqual([{ command: 'a', output: ['1'] }])
  expect(commandsIn(second?.lines ?? [])).toEqual(['b --c'])
  const other = withLines(page, first as NonNullable<typeof first>, ['$ a', '2', '3'])
  expect(other.split('\n').slice(2, 7)).toEqual([
    '   ```console',
    '   $ a',
    '   2',
    '   3',
    '   ```',
  ])
})

it('… stands for any text, and only for that', () => {
  expect(matches(['a … c', '…', 'z'], ['a b c', 'x', 'y', 'z'])).toBe(true)
  expect(matches(['a … c', 'z'], ['a b c', 'y', 'z'])).toBe(false)
  expect(matches(['a … c'], ['a b d'])).toBe(false)
  expect(matches(['a.c'], ['abc'])).toBe(false)
})
