import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { commandLines, mistakeIn, programAlone } from './support/doc-commands.ts'

const root = join(import.meta.dirname, '..')
const pages = [
  ...readdirSync(root).filter((name) => name.endsWith('.md')),
  ...readdirSync(join(root, 'docs'))
    .filter((name) => name.endsWith('.md'))
    .map((name) => `docs/${name}`),
].map((path) => ({ path, text: readFileSync(join(root, path), 'utf8') }))

it('every wfstore command on a page exists, with its options and values', async () => {
  const mistakes: string[] = []
  let seen = 0
  for (const { path, text } of pages) {
    for (const line of commandLines(text)) {
      const mistake = await mistakeIn(line)
      if (mistake) mistakes.push(`${path}: ${line.join(' ')}: ${mistake}`)
      seen++
    }
  }
  expect(mistakes).toEqual([])
  expect(seen).toBeGreaterThan(100)
})

it.each([
  ['wfstore executions lst', 'too many'],
  ['wfstore migrate lst', 'lst'],
  ['wfstore stats --usr user_7', '--usr'],
  ['wfstore cleanup --days soon', 'soon'],
  ['wfstore billing pay', '--period'],
  ['wfstore config nonsense', 'too many'],
  ['date | wfstore restore', 'path'],
])('an invalid command is found: %s', async (line, what) => {
  const [words = []] = commandLines(`\`\`\`sh\n${line}\n\`\`\``)
  expect(await mistakeIn(words)).toContain(what)
})

it('every command is described in the README or in docs/', () => {
  const program = programAlone()
  const all = pages.map(({ text }) => text).join('\n')
  const silent = program.commands
    .map((command) => command.name())
    .filter((name) => !new RegExp(`wfstore ${name}\\b`).test(all))
  expect(silent).toEqual([])
})

it('the README lists all exit codes', () => {
  const readme = pages.find(({ path }) => path === 'README.md')?.text ?? ''
  const codes = [...readme.matchAll(/^\| (\d[\d, ]*?) *\|/gm)].flatMap(([, list = '']) =>
    list.split(', '),
  )
  expect(codes).toEqual(['0', '1', '2', '3', '4', '5', '6', '130', '143'])
})

it('links between pages lead to an existing file and heading', () => {
  const broken = pages.flatMap(({ path, text }) =>
    [...withoutCode(text).matchAll(/\]\(([^)\s]+)\)/g)]
      .map((match) => match[1] as string)
      .filter((link) => !/^https?:/.test(link) && !leadsSomewhere(path, link))
      .map((link) => `${path}: ${link}`),
  )
  expect(broken).toEqual([])
})

it('npm scripts and files that the pages name exist', () => {
  const { scripts } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
  const missing = pages.flatMap(({ path, text }) => [
    ...[...text.matchAll(/\bnpm run ([\w:]+)/g)]
      .filter(([, name]) => !((name as string) in scripts))
      .map(([all]) => `${path}: ${all}`),
    ...[...text.matchAll(/\b(?:src|test|scripts|migrations)\/[\w./-]+\.(?:ts|js|sql|txt|json)\b/g)]
      .filter(([file]) => !existsSync(join(root, file)) && !/\/(?:x|00N_)/.test(file))
      .map(([file]) => `${path}: ${file}`),
  ])
  expect(missing).toEqual([])
})

/** Paths of the repository in backticks, such as `src/tables/`. The placeholder 00N stands for any number. */
const pathsIn = (text: string): string[] =>
  [...text.matchAll(/`((?:bin|src|test|docs|migrations|bench|scripts|\.ci)\/[\w./-]*)`/g)]
    .map(([, path]) => path as string)
    .filter((path) => !path.includes('00N'))

it('every path in backticks that a page names exists', () => {
  const missing = pages.flatMap(({ path, text }) =>
    pathsIn(text)
      .filter((name) => !existsSync(join(root, name)))
      .map((name) => `${path}: ${name}`),
  )
  expect(missing).toEqual([])
})

describe('the layout in CONTRIBUTING', () => {
  const contributing = readFileSync(join(root, 'CONTRIBUTING.md'), 'utf8')
  const rows = [...contributing.matchAll(/^\| (`[\w./-]+\/`.*?) *\| (.*?) *\|$/gm)].map(
    ([, paths = '', contents = '']) => ({ folder: pathsIn(paths)[0] as string, contents }),
  )

  it('names subfolders that exist', () => {
    const missing = rows.flatMap(({ folder, contents }) =>
      [...contents.matchAll(/`([\w-]+\/)`/g)]
        .map(([, name]) => folder + name)
        .filter((path) => !existsSync(join(root, path))),
    )
    expect(missing).toEqual([])
    expect(rows.length).toBeGreaterThan(10)
  })

  it('names every folder of src and src/cli', () => {
    const folders = ['src/', 'src/cli/'].flatMap((parent) =>
      readdirSync(join(root, parent), { withFileTypes: true })
        .filter((entry) => entry.isDirectory() && entry.name !== 'cli')
        .map(({ name }) => `${parent}${name}/`),
    )
    const named = rows.map(({ folder }) => folder)
    expect(folders.filter((folder) => !named.includes(folder))).toEqual([])
  })
})

function leadsSomewhere(from: string, link: string): boolean {
  const [file = '', heading] = link.split('#')
  const target = file === '' ? join(root, from) : join(root, dirname(from), file)
  if (!existsSync(target)) return false
  return heading === undefined || headings(readFileSync(target, 'utf8')).includes(heading)
}

/** As GitHub makes them of headings. */
const headings = (text: string): string[] =>
  [...withoutCode(text).matchAll(/^#+ (.+)$/gm)].map((match) =>
    (match[1] as string)
      .toLowerCase()
      .replace(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-'),
  )

const withoutCode = (text: string): string =>
  text.replace(/^```[\s\S]*?^```/gm, '').replace(/`[^`\n]*`/g, '')
