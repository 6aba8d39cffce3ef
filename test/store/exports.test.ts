// What an application can name: the declarations that `npm run build` makes of src/index.ts.
import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { expect, it } from 'vitest'

const dist = join(import.meta.dirname, '../../dist')

interface Declaration {
  file: string
  isExported: boolean
  text: string
}

/** The declarations of all files that the library consists of, by name, without comments and texts. */
const declarations = new Map<string, Declaration[]>()
const files = new Map<string, string>()
function read(file: string): void {
  if (files.has(file)) return
  const whole = readFileSync(join(dist, file), 'utf8')
  files.set(file, whole)
  for (const [, name = ''] of whole.matchAll(/(?:from |import\()'(\.[^']+)'/g))
    read(join(dirname(file), name).replace(/\.(ts|js)$/, '.d.ts'))
  const bare = whole.replace(/\/\*[\s\S]*?\*\/|\/\/.*$|'[^'\n]*'/gm, '')
  for (const text of bare.split(/^(?=(?:export |declare |interface |type |import ))/m)) {
    const [, exported, name] =
      /^(export )?(?:declare )?(?:interface|type|const|function|class) (\w+)/.exec(text) ?? []
    if (name === undefined) continue
    const known = declarations.get(name) ?? []
    declarations.set(name, [...known, { file, isExported: exported !== undefined, text }])
  }
}
read('index.d.ts')

const index = (files.get('index.d.ts') ?? '').replace(/\/\*[\s\S]*?\*\//g, '')
const exported = [...index.matchAll(/export (?:type )?\{([^}]*)\}/g)]
  .flatMap(([, names = '']) => names.split(','))
  .map((name) => name.trim().replace(/^type /, ''))
  .filter(Boolean)

/** All names that these declarations need. */
function reachedFrom(...names: string[]): Set<string> {
  const reached = new Set<string>()
  const follow = (name: string) => {
    if (reached.has(name)) return
    reached.add(name)
    // A word before a colon is the name of a property or a parameter, and one in quotes is a value.
    for (const { text } of declarations.get(name) ?? [])
      for (const [word] of text.replaceAll(/"[^"]*"|'[^']*'/g, '').matchAll(/\b\w+\b(?!\??:)/g))
        if (declarations.has(word)) follow(word)
  }
  for (const name of names) follow(name)
  return reached
}
const VALUES = [
  ...['openStore', 'workflowStore', 'WfstoreError', 'archiveInFolder', 'archiveToStream'],
  'tokensFrom',
  'executionIdOf',
  'createHandler',
  'nodeListener',
]
const reached = reachedFrom('Store', ...VALUES)

/** These make types of the descriptions of tables. An application names their results. */
const MACHINERY = /^(db\/|tables\/(column|types|histories)\.d\.ts)/

it('every type of a public signature is exported', () => {
  const missing = [...reached].filter((name) =>
    declarations
      .get(name)
      ?.some(
        ({ file, isExported, text }) =>
          isExported &&
          /^export (interface|type) /.test(text) &&
          !MACHINERY.test(file) &&
          !exported.includes(name),
      ),
  )
  expect(missing).toEqual([])
  expect(exported).toEqual(
    expect.arrayContaining(['Count', 'JsonValue', 'ExecutionStatus', 'Tags', 'CostSource']),
  )
})

/** TypeScript writes the words of these unions where they are used. */
const WRITTEN_OUT = ['Trend']

it('every exported type is part of a public signature', () => {
  expect(exported.filter((name) => !reached.has(name))).toEqual(WRITTEN_OUT)
  expect(exported.length).toBeGreaterThan(80)
})

it('no two exported types share a name', () => {
  expect(exported.filter((name, place) => exported.indexOf(name) !== place)).toEqual([])
})
