// Help, messages, comments and docs use plain English: short sentences without old-fashioned words and riddles.
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import type { CommandReference } from '../src/cli/help/reference.ts'
import { everyCommand, readReference } from './cli/help/support.ts'

const root = join(import.meta.dirname, '..')

/** What not to write, and what to write instead. */
const WORDS: readonly [RegExp, string][] = [
  [/\bmend(s|ed|ing)?\b/gi, 'fix'],
  [/\b(some|any|every)body\b/gi, 'all users, another session, or the subject itself'],
  // The user nobody of an operating system is allowed.
  [/(?<!\buser )\bnobody\b(?!:)/gi, 'no user, or the subject itself'],
  [/\bwhoever\b/gi, 'the user who'],
  [/\b(whatever|wherever|whichever)\b/gi, 'any, each, or leave it out'],
  [/\bso (many|long)\b/gi, 'a number (<n>), this many, this long'],
  [/\bunless (told|said|asked)\b/gi, 'by default'],
  [/\bwants?\b/gi, 'requires, must'],
  [/\b(is|are) at it\b/gi, 'is running'],
  [/\b(goes|go|went|gone|going) on\b/gi, 'continue'],
  [/\b(comes?|came) to\b/gi, 'is, costs'],
  [/\bbeside\b/gi, 'next to, in addition to'],
  [/\b(stands?(?! for\b)|stood)\b/gi, 'is'],
  [/\b(is|are|was|were|be) (said|told)\b/gi, 'is printed, is shown'],
  [/\bthat (is|are) none\b/gi, 'invalid'],
  [/\b(of what|what) is no\b/gi, 'invalid, unknown'],
  [/\banew\b/gi, 'again'],
  [/\balike\b/gi, 'similar, the same'],
  [/\b(takes?|took|taken) back\b/gi, 'revert'],
  [/\b(befell|lest|ought|of late|in vain|for ever|as good as)\b/gi, 'a plain word'],
]

const FOLDERS = ['src', 'docs', 'bench', 'scripts', 'bin', 'migrations']
const files = [
  ...FOLDERS.flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' }).map(
      (file) => `${folder}/${file.replaceAll('\\', '/')}`,
    ),
  ),
  ...['README.md', 'CONTRIBUTING.md', 'CHANGELOG.md'],
].filter((file) => /\.(ts|js|md|sql)$/.test(file))

function avoided(file: string, text: string): string[] {
  return WORDS.flatMap(([pattern, better]) =>
    [...text.matchAll(pattern)].map(({ 0: word, index }) => {
      const line = text.slice(0, index).split('\n').length
      return `${file}:${line}: "${word}": write ${better}`
    }),
  )
}

it('help, messages, comments and docs avoid words that readers stumble over', () => {
  expect(files.length).toBeGreaterThan(100)
  const found = files.flatMap((file) => avoided(file, readFileSync(join(root, file), 'utf8')))
  expect(found).toEqual([])
})

/** Blank, except for comments and the names of tests. */
const wordsOfTests = (text: string) =>
  text
    .split('\n')
    .map((line) => (/^\s*(\/\/|\/?\*)|^\s*(\]\)?\(|it|describe|'[^']+',$)/.test(line) ? line : ''))
    .join('\n')

it('names and comments of tests avoid them, too', () => {
  const tests = readdirSync(join(root, 'test'), { recursive: true, encoding: 'utf8' })
    .filter((file) => /\.(ts|js)$/.test(file))
    .map((file) => `test/${file.replaceAll('\\', '/')}`)
  const found = tests.flatMap((file) =>
    avoided(file, wordsOfTests(readFileSync(join(root, file), 'utf8'))),
  )
  expect(found).toEqual([])
})

const VERBS =
  /^(Apply|Cancel|Check|Close|Compare|Compute|Convert|Correct|Create|Distribute|Export|Fill|Import|List|Mark|Open|Print|Query|Remove|Restore|Revert|Revoke|Serve|Set|Show|Stop|Store|Trust|Verify)\b/

it('the summary and description of each command begin with a verb', async () => {
  const commands = everyCommand(await readReference()).filter(({ command }) => isCommand(command))
  const wrong = commands.flatMap(({ command, summary, description }: CommandReference) =>
    VERBS.test(summary) && VERBS.test(description) && !summary.endsWith('.')
      ? []
      : [`${command}: ${summary} | ${description}`],
  )
  expect(wrong).toEqual([])
})

/** Not the program itself, and not a help topic. */
const isCommand = (name: string) => name !== '' && !name.startsWith('help ')
