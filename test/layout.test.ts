import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'
import { expect, it } from 'vitest'

const src = resolve(import.meta.dirname, '../src')

interface Source {
  path: string
  text: string
  /** Files of ours as paths below src, packages by name. */
  imports: string[]
}

const sources: Source[] = readdirSync(src, { recursive: true, encoding: 'utf8' })
  .filter((path) => path.endsWith('.ts'))
  .map((path) => {
    const text = readFileSync(join(src, path), 'utf8')
    const specifiers = [...text.matchAll(/(?:from|import\()\s*'([^']+)'/g)].map(
      (match) => match[1] as string,
    )
    const imports = specifiers.map((name) =>
      name.startsWith('.') ? relative(src, resolve(src, dirname(path), name)) : name,
    )
    return { path: path.replaceAll('\\', '/'), text, imports }
  })

const importers = (of: RegExp, except: RegExp) =>
  sources
    .filter(({ path, imports }) => !except.test(path) && imports.some((name) => of.test(name)))
    .map(({ path }) => path)

/** A file that leads back to itself over its imports, types included, with the files on the way. */
function circle(): string[] {
  const imports = new Map(sources.map((source) => [source.path, source.imports]))
  const done = new Set<string>()
  const walk = (path: string, way: readonly string[]): string[] => {
    if (way.includes(path)) return [...way.slice(way.indexOf(path)), path]
    if (done.has(path)) return []
    for (const next of imports.get(path) ?? []) {
      const found = walk(next, [...way, path])
      if (found.length > 0) return found
    }
    done.add(path)
    return []
  }
  for (const { path } of sources) {
    const found = walk(path, [])
    if (found.length > 0) return found
  }
  return []
}

it('there is no circle of imports, not even of types', () => {
  expect(circle()).toEqual([])
})
/** What each part of src may import besides itself, packages aside: knowledge flows one way. */
const BASE = [
  ...[
    'error.ts',
    'uuid.ts',
    'numbers.ts',
    'time-zone.ts',
    'files.ts',
    'passage.ts',
    'rights.ts',
    'sync-folder.ts',
    'lock-file.ts',
    'lock-holder.ts',
    'instant.ts',
    'nearest.ts',
    'shell-word.ts',
    'options.ts',
  ],
  'tables',
]
const MAY_IMPORT: Record<string, readonly string[]> = {
  'error.ts': [],
  'uuid.ts': [],
  'numbers.ts': [],
  'time-zone.ts': [],
  'sync-folder.ts': [],
  'lock-file.ts': ['lock-holder.ts'],
  'lock-holder.ts': [],
  'instant.ts': [],
  'nearest.ts': [],
  'shell-word.ts': [],
  'options.ts': ['error.ts', 'nearest.ts'],
  'passage.ts': [],
  'rights.ts': [],
  'files.ts': ['error.ts', 'passage.ts', 'rights.ts', 'sync-folder.ts'],
  tables: ['error.ts'],
  db: BASE,
  queries: [...BASE, 'db'],
  record: [...BASE, 'db', 'queries', 'transfer'],
  transfer: [...BASE, 'db', 'queries'],
  cleanup: [...BASE, 'db', 'queries', 'transfer'],
  demo: [...BASE, 'db'],
  'cli/output': BASE,
  'handler.ts': [...BASE, 'db', 'store', 'store.ts'],
  server: [...BASE, 'db', 'queries', 'record', 'cleanup', 'store', 'handler.ts', 'cli/output'],
  store: [...BASE, 'db', 'queries', 'record', 'transfer', 'cleanup'],
  'store.ts': [...BASE, 'db', 'queries', 'record', 'transfer', 'cleanup', 'store'],
  'index.ts': [
    ...BASE,
    'db',
    'queries',
    'record',
    'transfer',
    'cleanup',
    'store',
    'store.ts',
    'handler.ts',
  ],
  cli: [
    ...BASE,
    'db',
    'queries',
    'record',
    'transfer',
    'cleanup',
    'store',
    'store.ts',
    'handler.ts',
    'demo',
    'server',
    'cli/output',
  ],
}
/** The output formats are in cli/, and pages use them too. */
const partOf = (path: string) =>
  path.startsWith('cli/output/') ? 'cli/output' : (path.split('/')[0] as string)

it.each(Object.entries(MAY_IMPORT))('%s imports nothing above it', (part, allowed) => {
  const upward = sources
    .filter(({ path }) => partOf(path) === part)
    .flatMap(({ path, imports }) => imports.map((name) => ({ path, name })))
    .filter(({ name }) => name.endsWith('.ts') && ![part, ...allowed].includes(partOf(name)))
    .map(({ path, name }) => `${path} imports ${name}`)
  expect(upward).toEqual([])
})
it('every part of src is listed in MAY_IMPORT', () => {
  const parts = new Set(sources.map(({ path }) => partOf(path)))
  expect([...parts].sort()).toEqual(Object.keys(MAY_IMPORT).sort())
})
it('the tables import no package', () => {
  expect(importers(/^(?!.*\.ts$)/, /^(?!tables\/)/)).toEqual([])
})
it('no two exported types have the same name', () => {
  const names = sources.flatMap(({ text }) =>
    [...text.matchAll(/^export (?:interface|type|class|enum) (\w+)/gm)].map((match) => match[1]),
  )
  const repeated = names.filter((name, place) => names.indexOf(name) !== place)
  expect(repeated).toEqual([])
  expect(names.length).toBeGreaterThan(100)
})
it('a command imports files of its own folder, and from others only columns and words', () => {
  const groupOf = (path: string) => path.split('/')[2]
  const strangers = sources.filter(
    ({ path, imports }) =>
      path !== 'cli/command-table.ts' &&
      imports.some(
        (name) =>
          name.startsWith('cli/commands/') &&
          !/\/(columns|words)\.ts$/.test(name) &&
          !(path.startsWith('cli/commands/') && groupOf(name) === groupOf(path)),
      ),
  )
  expect(strangers.map(({ path }) => path)).toEqual([])
})
it('the output layer imports no queries and no database, and only it imports cli-table3 and kleur', () => {
  expect(importers(/^(queries|db|store|record|transfer|cleanup)/, /^(?!cli\/output\/)/)).toEqual([])
  expect(importers(/^(cli-table3|kleur)/, /^cli\/output\//)).toEqual([])
})
it('only the charts import d3, and the report loads its page when it writes one', () => {
  expect(importers(/^d3-/, /^server\/markup\/chart\.ts$/)).toEqual([])
  const report = sources.find(({ path }) => path === 'cli/commands/report/report.ts')
  expect(report?.text).not.toMatch(
    /^import (?!type).*server\/\w+\/(page|chart|sections|markup)\.ts'/m,
  )
})
it('only the migrations import node-pg-migrate, and load it when used', () => {
  const users = sources.filter(({ imports }) => imports.includes('node-pg-migrate'))
  for (const { path, text } of users) {
    expect(path).toMatch(/^db\/migrate\//)
    expect(text).not.toMatch(/^import (?!type).*'node-pg-migrate'/m)
  }
  expect(users).toHaveLength(1)
})
it('the list of prices and the parser of CSV are loaded when prices are imported', () => {
  const list = '@pydantic/genai-prices'
  const loading = new RegExp(`^import (?!type).*'${list}'`, 'm')
  const users = sources.filter(({ imports }) => imports.includes(list))
  expect(users.filter(({ text }) => loading.test(text))).toEqual([])
  expect(users.filter(({ path }) => !path.startsWith('queries/prices/'))).toEqual([])
  expect(importers(/^csv-parse/, /^cli\/commands\/prices\/file\.ts$/)).toEqual([])
  const parsers = sources.filter(({ imports }) => imports.includes('cli/commands/prices/file.ts'))
  expect(parsers.filter(({ text }) => /^import (?!type).*'\.\/file\.ts'/m.test(text))).toEqual([])
})
it('only the decoder of traces imports the parser of protobuf, and loads it when used', () => {
  const users = sources.filter(({ imports }) =>
    imports.some((name) => name.startsWith('@bufbuild/protobuf')),
  )
  expect(users.map(({ path }) => path)).toEqual(['record/otel/decode/protobuf.ts'])
  expect(users[0]?.text).not.toMatch(/^import (?!type).*'@bufbuild\/protobuf/m)
})
it('only bin uses the process, except for what a server needs to know about it', () => {
  const allowed = /process\.(platform|arch|kill|pid|execPath|getuid)\b/g
  // A caller of the library gives no environment: as in libpq, what a URL leaves open comes from the variables.
  const ofTheLibrary = '() => ({ env: process.env, cwd: process.cwd() })'
  const touching = sources
    .map(({ path, text }) => ({
      path,
      text: path === 'index.ts' ? text.replace(ofTheLibrary, '') : text,
    }))
    .filter(({ text }) => /\bprocess\.\w|\bconsole\.\w/.test(text.replace(allowed, '')))
    .map(({ path }) => path)
  expect(touching).toEqual([])
})

it('a file that tests share has no hooks: it is imported once for all tests of a worker', () => {
  const hooked = readdirSync(import.meta.dirname, { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.ts') && !path.endsWith('.test.ts'))
    .filter((path) =>
      /^(before|after)(All|Each)\(/m.test(readFileSync(join(import.meta.dirname, path), 'utf8')),
    )
  // That is a setup file: vitest runs it again before each test file.
  expect(hooked).toEqual(['support/left-out.ts'])
})
