// @module-tag slow
// For any input: a documented exit status, one line on stderr that does nothing to a terminal, no stack, and never a
// server's complaint, since that would mean that data had become SQL, or went there unchecked.
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { runCli } from '../support/cli.ts'
import type { TestDatabase } from '../support/database.ts'
import { createMigrated } from '../support/migrated.ts'
import { hostileIn, text } from './output/arbitrary.ts'

let database: TestDatabase
let env: { DATABASE_URL: string }
beforeAll(async () => {
  database = await createMigrated('fuzz')
  await database.sql(
    `insert into workflow_executions (workflow_name, user_id, mode, model_id, status, error_message)
     select 'w', 'u', 'm', 'x', 'failed', 'e' from generate_series(1, 3)`,
  )
  env = { DATABASE_URL: database.url }
})
afterAll(() => database.drop())

/** Lists with pages, and what each of them takes first. */
const LISTS = [
  ['executions', 'list'],
  ['executions', 'list', '--watch'],
  ['audit'],
  ['errors'],
  ['errors', '--group'],
  ['billing', 'records'],
  ['billing'],
  ['metrics', 'list'],
]

async function run(argv: string[]) {
  const { code, stdout, stderr } = await runCli(argv, { env })
  return { argv: argv.map((word) => word.slice(0, 200)), code, stdout, stderr }
}

/** Refused in a line, or carried out: `codes` are the statuses that either may have. */
async function expectSound(argv: string[], codes: readonly number[]) {
  const { stdout, stderr, ...result } = await run(argv)
  const told = `exit ${result.code}: ${stderr.slice(0, 300)}`
  expect(codes, told).toContain(result.code)
  expect(hostileIn(stderr)).toEqual([])
  expect(hostileIn(stdout, '\n\t\r')).toEqual([])
  expect(stderr).not.toMatch(/\n {4}at |syntax error|invalid byte|invalid input/)
  if (result.code === 0 || /^Usage: wfstore/m.test(stderr)) return
  expect(stdout).toBe('')
  expect(stderr).toMatch(/^(\{"error":.*\}|error: .*)\n$/)
  expect(stderr.length).toBeLessThan(2000)
}

const odd = [
  ...['', ' ', '--', '-', '-o', '--json', '--limit', '1e309', '-1', 'NaN', '0x10', '9'.repeat(400)],
  ...['--columns', ',,,', '--tz', '../../etc/passwd', '--since', '99999999999d', '--cursor', '='],
  ...["' or 1=1 --", '--user=', '\ud800', '--schema', '"', '--__proto__', 'constructor', '-ojson'],
  ...['executions', 'list', 'show', 'audit', 'errors', 'stats', 'cost', 'help', '--color', '-h'],
  ...['--page', '2026-02-31', '2026-13', '0001-01-01', 'infinity', 'now()', '$1', '%s', '{{}}'],
  ...['postgresql://u%00x@127.0.0.1:1/d', 'postgresql://h:99999/d', 'postgresql://[::1/d'],
  'x'.repeat(100_000),
]
/** No process can be given a NUL. */
const word = fc.oneof(text, fc.constantFrom(...odd)).map((some) => some.replaceAll('\0', ''))

describe('the words of a command line', () => {
  it('of any kind are refused, or run', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(word, { maxLength: 6 }), (words) =>
        expectSound(words, [0, 2, 3, 4]),
      ),
      { numRuns: 250 },
    )
  })

  it('after those of a list', async () => {
    const options = fc.constantFrom(
      ...['--user', '--mode', '--model', '--workflow', '--tool', '--execution', '--status', '--tz'],
      ...[
        '--since',
        '--until',
        '--limit',
        '--cursor',
        '--columns',
        '-o',
        '--schema',
        '--period',
        '--color',
      ],
    )
    const pairs = fc.array(fc.tuple(options, word), { minLength: 1, maxLength: 3 })
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...LISTS), pairs, (list, given) =>
        // A schema that is not there is exit 4.
        expectSound([...list, ...given.flat()], [0, 2, 4]),
      ),
      { numRuns: 150 },
    )
  })

  it('as the value of each option of each command', async () => {
    const single = [
      ...[
        ['executions', 'show'],
        ['audit', 'show'],
        ['executions', 'cancel', '--dry-run'],
      ],
      ...[
        ['executions', 'fail', '--dry-run', '--older-than'],
        ['tools', '--user'],
        ['stats', '--user'],
      ],
      ...[
        ['cost', '--by'],
        ['cost', '--since'],
        ['billing', '--period'],
        ['billing', '--user'],
      ],
      ...[
        ['billing', 'zone'],
        ['billing', 'close', '--dry-run', '--period'],
      ],
      ...[['billing', 'correct', '--dry-run', '--cost', '1', '--reason', 'x']],
      ...[['billing', 'pay', '--dry-run', '--period', '2024-12', '--payment-id']],
      ...[
        ['cleanup', '--dry-run', '--days'],
        ['cleanup', '--dry-run', '--before'],
      ],
      ...[
        ['metrics', 'list', '--type'],
        ['metrics', 'rollup', '--period'],
        ['doctor', '--columns'],
      ],
      ...[
        ['migrate', 'up', '--dry-run', '--to'],
        ['migrate', 'roles', '--dry-run', '--prefix'],
      ],
      ...[
        ['import'],
        ['export', '--since'],
        ['--profile'],
        ['config', '--profile'],
        ['--database-url'],
      ],
    ]
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...single), word, (start, value) =>
        expectSound([...start, value], [0, 2, 6]),
      ),
      { numRuns: 150 },
    )
  })

  it('by the thousand', async () => {
    for (const many of ['x', '--json', '-o', '--user', '--', '\u001b[2J'])
      await expectSound(['executions', 'list', ...Array<string>(5000).fill(many)], [0, 2])
  })

  it.each([
    ['executions list -o', 'argument missing'],
    ['executions list --limit 1e309', 'It must be a whole number of at least 1, or all'],
    ['executions list --columns ,,,', 'unknown column ""'],
    ['executions list --user \u0000', 'NUL'],
  ])('%j is wrong usage, with a reason', async (words, why) => {
    const { code, stderr } = await run(words.split(' '))
    expect([code, stderr]).toEqual([2, expect.stringContaining(why)])
  })
})

describe('a cursor', () => {
  const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url')
  const inside = fc.oneof(
    text,
    fc.constantFrom('2026-01-01T00:00:00.000000Z', '1', "'; drop table x --"),
    fc.jsonValue(),
  )
  const cursor = fc.oneof(
    text,
    fc.base64String(),
    fc.jsonValue().map(encode),
    fc.tuple(inside, inside, inside, inside, inside).map(encode),
  )
  /** The refusal of a cursor: wrong usage, in a line. */
  const refused =
    /^error: (the cursor (is damaged|belongs to another query, or is damaged)|option '--cursor|--watch needs|unknown option|missing).*\n$/
  const withPages = LISTS.filter(
    (list) =>
      list.includes('list') || list[0] === 'audit' || list[0] === 'errors' || list[1] === 'records',
  ).filter((list) => !list.some((flag) => flag.startsWith('--')))

  async function expectRefused(list: string[], given: string) {
    const { code, stdout, stderr } = await run([...list, `--cursor=${given}`])
    expect([list, code, stdout, stderr.length < 500 && stderr]).toEqual([
      list,
      2,
      '',
      expect.stringMatching(refused),
    ])
  }

  it('of garbage is refused by every list', async () => {
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...withPages), cursor, (list, given) => {
        fc.pre(given !== '')
        return expectRefused(list, given)
      }),
      { numRuns: 120 },
    )
    for (const list of withPages) await expectRefused(list, 'A'.repeat(1_000_000))
  })

  it('cut short, changed, or of another list or filter is refused', async () => {
    const { stdout } = await run(['executions', 'list', '--limit', '1', '--json', '--page'])
    const whole = JSON.parse(stdout).nextCursor as string
    expect((await run(['executions', 'list', '--cursor', whole])).code).toBe(0)
    for (const list of withPages.filter((each) => each[0] !== 'executions'))
      await expectRefused(list, whole)
    await expectRefused(['executions', 'list', '--user', 'u'], whole)
    for (let length = 1; length < whole.length; length += 7)
      await expectRefused(['executions', 'list'], whole.slice(0, length))
  })
})
