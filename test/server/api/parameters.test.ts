import fc from 'fast-check'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { commandLine } from '../../../src/cli/commands/serve/command-line.ts'
import { createProgram } from '../../../src/cli/program.ts'
import { ENDPOINTS } from '../../../src/server/api/endpoints.ts'
import { NOT_PARAMETERS, parametersOf, wordsOf } from '../../../src/server/api/words.ts'
import type { TestDatabase } from '../../support/database.ts'
import { createDemo, type Tried, tried } from './support.ts'

let database: TestDatabase
let api: Tried
const { describe: describeCommand } = commandLine({ createProgram })
const READS = ENDPOINTS.filter(({ kind }) => kind === 'read')

beforeAll(async () => {
  database = await createDemo('api_parameters')
  api = tried(database)
})
afterAll(async () => {
  await api.close()
  await database.drop()
})

it('each flag of a command is a parameter, or is left out on purpose', async () => {
  const unknown: string[] = []
  const unused = new Set(Object.keys(NOT_PARAMETERS))
  for (const { kind, path, command, without = [] } of ENDPOINTS) {
    const described = await describeCommand(command)
    const parameters = parametersOf(described, without).map(({ name }) => name)
    for (const { name } of described.flags) {
      unused.delete(name)
      const isLeftOut = name in NOT_PARAMETERS || without.includes(name)
      if (isLeftOut === parameters.includes(name)) unknown.push(`${path} ${name}`)
    }
    const missing = without.filter((name) => !described.flags.some((flag) => flag.name === name))
    if (kind === 'read') expect([path, missing]).toEqual([path, []])
  }
  expect(unknown).toEqual([])
  expect([...unused]).toEqual([])
})

it('no parameter gives a word that begins another flag', async () => {
  const commands = await Promise.all(READS.map(({ command }) => describeCommand(command)))
  const name = fc.constantFrom(...commands.flatMap(({ flags }) => flags.map((flag) => flag.name)))
  fc.assert(
    fc.property(
      fc.constantFrom(...commands),
      fc.array(fc.tuple(fc.oneof(name, fc.string()), fc.oneof(fc.string(), TRICKY))),
      (command, parameters) => {
        let words: string[]
        try {
          words = wordsOf(command, parameters)
        } catch {
          return
        }
        const known = parametersOf(command).map((flag) => `--${flag.name}`)
        for (const word of words) expect(known).toContain(word.split('=')[0])
      },
    ),
  )
})

const TRICKY = fc.constantFrom(
  ...['--database-url=postgres://x', '-h', '--help', '--', '-o', '=', '', 'true', '\0', '\n--yes'],
  ...["'; drop table workflow_executions; --", '9'.repeat(400), '-1', 'NaN', '1e9', '\u{1f600}'],
  ...['infinity', '0001-01-01', '9999-12-31', '99999999w', '2026-13-40', 'all', 'latest', '[', '%'],
)

it('no parameter and no id is an error of the server', async () => {
  const commands = new Map(
    await Promise.all(
      READS.map(async ({ path, command }) => [path, await describeCommand(command)] as const),
    ),
  )
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(...READS),
      fc.array(
        fc.tuple(fc.nat(40), fc.oneof(TRICKY, fc.string(), fc.constantFrom('1', 'user_1'))),
        {
          maxLength: 3,
        },
      ),
      fc.oneof(TRICKY, fc.string({ minLength: 1 })),
      async ({ path, without }, given, id) => {
        const names = parametersOf(commands.get(path) as never, without).map(({ name }) => name)
        const query = new URLSearchParams(
          given.map(([at, value]): [string, string] => [names[at % names.length] as string, value]),
        )
        if (path === '/cost') query.append('by', 'user')
        const place = path.replace(':id', encodeURIComponent(id))
        const response = await api.get(`/api/v1${place}?${query}`)
        await response.text()
        expect([path, String(query), [200, 400, 404].includes(response.status)]).toEqual([
          ...[path, String(query), true],
        ])
      },
    ),
    { numRuns: 300 },
  )
  expect(api.errors).toEqual([])
})
