import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import leftOut from './support/left-out.json' with { type: 'json' }

const root = join(import.meta.dirname, '..')

it('what .ci/run leaves out on PostgreSQL 15 exists, and has no database of the tests', () => {
  const text = readFileSync(join(root, '.ci/run'), 'utf8')
  const [, list = ''] = /^without_the_server=\(\n([^)]*)\)$/m.exec(text) ?? []
  const paths = list.split(/\s+/).filter((path) => path !== '')
  expect(paths.length).toBeGreaterThan(0)
  expect(paths.filter((path) => !existsSync(join(root, path.replace(/\/\*$/, ''))))).toEqual([])
  const files = paths.filter((path) => path.endsWith('.ts'))
  expect(
    files.filter((path) =>
      /\b(createDatabase|createMigrated|createRecording|serverUrl)\b/.test(
        readFileSync(join(root, path), 'utf8'),
      ),
    ),
  ).toEqual([])
})

it('each test that is left out on Citus exists, and is there once', () => {
  const names = leftOut.map(({ file, test = '' }: { file: string; test?: string }) => file + test)
  expect(names.filter((name, index) => names.indexOf(name) !== index)).toEqual([])
  for (const { file, test } of leftOut as { file: string; test?: string }[]) {
    if (/[*]/.test(file)) continue
    const text = readFileSync(join(root, file), 'utf8')
    if (test)
      expect(
        titlesIn(text).some((title) => title.test(test)),
        `${file}: ${test}`,
      ).toBe(true)
  }
})

/** The titles of tests; a value of it.each can be any text. */
const titlesIn = (text: string): RegExp[] =>
  [...text.matchAll(/(['"`])((?:(?!\1).)+)\1, (?:async |\(|\{)/g)].map(
    ([, , title = '']) =>
      new RegExp(
        `^${title.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&').replaceAll(/%\w|\\\$\w+/g, '.*')}$`,
      ),
  )
