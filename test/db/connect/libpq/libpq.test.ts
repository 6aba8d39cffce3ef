import { execFile } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, expect, it, vi } from 'vitest'
import { connectClient } from '../../../../src/db/connect/connect.ts'
import { lazyPool } from '../../../../src/db/connect/pool.ts'
import { chooseDatabase } from '../../../../src/db/connect/target.ts'
import * as d from '../../../../src/db/query/decode.ts'
import { query } from '../../../../src/db/query/query.ts'
import { WfstoreError } from '../../../../src/error.ts'
import { expectGolden } from '../../../support/golden.ts'
import { type Case, GROUPS } from './cases.ts'
import { makeWorld, type World } from './surroundings.ts'

let world: World
beforeAll(async () => {
  world = await makeWorld()
})
afterAll(() => world.close())
afterEach(() => {
  vi.unstubAllEnvs()
})

const question = ({ show = 'current_user' }: Case) =>
  `select case when ssl then 'TLS' else 'clear' end || ': ' || ${show} as answer from pg_stat_ssl where pid = pg_backend_pid()`

const nameOf = ({ url, env, home }: Case): string =>
  [
    ...Object.entries(env ?? {}).map(([name, value]) => `${name}=${value}`),
    ...(home ? [`HOME={${home}}`] : []),
    ...(url === undefined ? [] : [url]),
  ].join(' ')

interface Outcome {
  /** What the server answered; 'no' if there is no connection. */
  answer: string
  seen: string
}

const written = ({ answer, seen }: Outcome): string => `${answer} | ${seen || 'no byte is sent'}`

const EXPECTED = join(import.meta.dirname, 'psql.json')
const expected = () => JSON.parse(readFileSync(EXPECTED, 'utf8')) as Record<string, string>

const WAYS: Record<string, (one: Case) => Promise<string | undefined>> = {
  client: async (one) => {
    const client = await connectClient(await chosen(one))
    try {
      return (await query(client, question(one), { answer: d.text() }))[0]?.answer
    } finally {
      await client.end()
    }
  },
  pool: async (one) => {
    const pool = lazyPool(() => chosen(one))
    try {
      return (await query(pool, question(one), { answer: d.text() }))[0]?.answer
    } finally {
      await pool.close()
    }
  },
}

async function chosen(one: Case) {
  const { url, env } = world.of(one)
  // pg reads variables of the process.
  vi.unstubAllEnvs()
  for (const [name, value] of Object.entries(env)) vi.stubEnv(name, value)
  return chooseDatabase({ url, source: 'the URL', env, cwd: '/nonexistent' })
}

async function outcomeOf(one: Case, way: keyof typeof WAYS) {
  let error: WfstoreError | undefined
  const answer = await WAYS[way]?.(one).catch((caught) => {
    if (!(caught instanceof WfstoreError)) throw caught
    error = caught
    return 'no'
  })
  return { outcome: { answer: answer ?? '', seen: world.seen() }, error }
}

const psql = process.env.WFSTORE_TEST_PSQL

function ofPsql(one: Case): Promise<Outcome> {
  const { url, env } = world.of(one)
  const words = [
    '-X',
    '-w',
    '-A',
    '-t',
    ...(url === undefined ? [] : ['-d', url]),
    '-c',
    question(one),
  ]
  const { PATH, LD_LIBRARY_PATH } = process.env
  return new Promise((resolve) => {
    execFile(psql as string, words, { env: { PATH, LD_LIBRARY_PATH, ...env } }, (error, stdout) => {
      resolve({ answer: error ? 'no' : stdout.trim(), seen: world.seen() })
    })
  })
}

it.runIf(psql)('the table has what psql does', async () => {
  const table: Record<string, string> = {}
  for (const one of Object.values(GROUPS).flat()) table[nameOf(one)] = written(await ofPsql(one))
  if (process.env.UPDATE_GOLDEN === '1')
    writeFileSync(EXPECTED, `${JSON.stringify(table, undefined, 2)}\n`)
  else expect(table).toEqual(expected())
})

for (const [group, cases] of Object.entries(GROUPS))
  it(`${group}: wfstore connects as psql does, or refuses before it sends a byte`, async () => {
    const table = expected()
    const differences: string[] = []
    const refusals: string[] = []
    for (const one of cases.filter(world.possible)) {
      const name = nameOf(one)
      const psql = table[name] ?? 'not in psql.json'
      for (const way of Object.keys(WAYS)) {
        const { outcome, error } = await outcomeOf(one, way)
        const wanted = one.instead ?? psql
        if (!isAs(outcome, wanted, way))
          differences.push(`${way} ${name}: ${written(outcome)}, not ${wanted}`)
        if (one.instead !== undefined && way === 'client' && isAs(outcome, psql, way))
          differences.push(`${name}: is as psql`)
        if (error && way === 'client')
          refusals.push(
            world.stable(`${name}\n  ${error.code}: ${error.message}\n  ${error.hint}\n`),
          )
      }
    }
    expect(differences.join('\n')).toBe('')
    // Each refusal is one line that says why, and one that says what to do.
    expectGolden(`connect/${group.replaceAll(' ', '-')}.txt`, refusals.join('\n'))
  })

/** A pool may connect once more, to the server that it chose. A wrong text is refused earlier than by psql. */
function isAs({ answer, seen }: Outcome, wanted: string, way: string): boolean {
  const [answerOf, seenOf = ''] = wanted.split(' | ')
  if (answer !== answerOf) return false
  if (seen === '') return answer === 'no'
  return way === 'pool' ? listed(seen) === listed(seenOf) : seen === seenOf
}

const listed = (seen: string): string =>
  [...new Set(seen.split(', ').map((text) => text.replace(/ \(.*/, '')))].sort().join()
