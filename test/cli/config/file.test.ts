import {
  chmodSync,
  chownSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { findConfig } from '../../../src/cli/config/find.ts'
import { findFlaw } from '../../../src/cli/config/json-error.ts'
import { parseConfig, profileUrl } from '../../../src/cli/config/parse.ts'
import { WfstoreError } from '../../../src/error.ts'
import { runCli } from '../../support/cli.ts'
import { text } from '../output/arbitrary.ts'

let root: string
beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), 'wfstore-config-'))
})
afterAll(() => rmSync(root, { recursive: true }))

const parse = (content: string | Buffer) =>
  parseConfig({ path: '/x/wfstore.config.json', bytes: Buffer.from(content), othersMayRead: false })

/** The line that a content is refused with. */
function refusal(content: string | Buffer): string {
  try {
    parse(content)
  } catch (error) {
    if (!(error instanceof WfstoreError)) throw error
    expect(error.code).toBe('usage')
    return error.hint === undefined ? error.message : `${error.message}; ${error.hint}`
  }
  return 'taken'
}

const profile = (members: string) =>
  `{"profiles": {"p": {"databaseUrl": "postgresql://h/d", ${members}}}}`
const EXAMPLE = 'docs/CONFIG.md has an example'

describe('what is wrong in a config is said in one line, with its place', () => {
  it.each([
    ['', ':1:1: it is empty'],
    ['{\n  "profiles": {\n', ':3:1: it ends too early'],
    ['{\n  // ours\n}', ':2:3: plain JSON has no comments'],
    ['{"profiles": {},}', ':1:17: there is a comma too many before it'],
    ["{'profiles': {}}", ':1:2: plain JSON wants double quotes'],
    ['{"default": "a\nb"}', ':1:13: the string has no end'],
    ['{"default" "a"}', ':1:12: expected a colon'],
    ['{"default": local}', ':1:13: expected a value'],
    ['{} {}', ':1:4: expected a comma or a closing bracket'],
    [Buffer.from([0x7b, 0xff, 0x7d]), `: it is not UTF-8; ${EXAMPLE}`],
    ['[]', `: it must be an object in { }; ${EXAMPLE}`],
    ['{"profile": {}}', ': profile is unknown; did you mean profiles?'],
    ['{"colour": 1}', ': colour is unknown; it can be $schema, default, profiles, defaults'],
    ['{"default": "p"}', ': default names no profile: p; it has no profiles'],
    [
      '{"default": "prd", "profiles": {"prod": {"databaseUrl": "postgresql://h/d"}}}',
      ': default names no profile: prd; did you mean prod? profiles: prod',
    ],
    ['{"profiles": {"p": {}}}', `: profiles.p has no databaseUrl; ${EXAMPLE}`],
    [
      '{"profiles": {"__proto__": {}}}',
      ': profiles.__proto__ is no name; letters, digits, dots, dashes and underscores, up to 63',
    ],
    [
      '{"profiles": {"p": {"databseUrl": "hunter2"}}}',
      ': profiles.p.databseUrl is unknown; did you mean databaseUrl?',
    ],
    [
      '{"profiles": {"p": {"databaseUrl": "mysql://u:hunter2@h/d"}}}',
      `: profiles.p.databaseUrl must begin with postgresql:// or \${NAME}; ${EXAMPLE}`,
    ],
    [
      `{"profiles": {"p": {"databaseUrl": "postgresql://u:\${a b}@h/d"}}}`,
      `: profiles.p.databaseUrl has a $ and { that begin no \${NAME}, an environment variable; ${EXAMPLE}`,
    ],
    [profile('"production": "yes"'), `: profiles.p.production must be true or false; ${EXAMPLE}`],
    [
      profile('"tz": "Mars"'),
      `: profiles.p.tz must be the IANA name of a time zone, such as Europe/Berlin; ${EXAMPLE}`,
    ],
    [
      profile('"output": "yaml"'),
      `: profiles.p.output must be one of table, json, jsonl, csv; ${EXAMPLE}`,
    ],
    ['{"defaults": {"schema": "s"}}', ': defaults.schema is unknown; it can be tz, output, color'],
  ])('%j', (content, line) => {
    expect(refusal(content)).toBe(`/x/wfstore.config.json${line}`)
  })
})

it('a byte order mark, $schema and an empty object are taken', () => {
  expect(parse('\ufeff{"$schema": "https://x", "defaults": {"tz": "UTC"}}')).toEqual({
    path: '/x/wfstore.config.json',
    default: undefined,
    profiles: new Map(),
    defaults: { tz: 'UTC' },
    othersMayRead: false,
  })
})

it('a variable within a URL is encoded, one that is all of it is not', () => {
  const env = { URL: 'postgresql://h/d?sslmode=require', PW: 'p@ss:w/rd' }
  const url = (databaseUrl: string) => profileUrl({ name: 'p', databaseUrl }, env)
  expect(url('$'.concat('{URL}'))).toBe(env.URL)
  expect(url('postgresql://u:$'.concat('{PW}@h/d'))).toBe('postgresql://u:p%40ss%3Aw%2Frd@h/d')
  expect(() => url('postgresql://u:$'.concat('{GONE}@h/d'))).toThrow(
    'profile p wants the environment variable GONE, which is not set',
  )
})

describe('whatever a config holds, it is taken or refused in one line', () => {
  const anything = fc.json({ maxDepth: 4, stringUnit: 'binary' })
  const almost = fc
    .record(
      {
        default: fc.oneof(fc.constantFrom('p', 'q'), fc.jsonValue()),
        defaults: fc.oneof(
          fc.dictionary(fc.constantFrom('tz', 'color', 'x'), fc.jsonValue()),
          fc.jsonValue(),
        ),
        profiles: fc.dictionary(
          fc.oneof(fc.constantFrom('p', 'q', '__proto__', 'constructor'), text),
          fc.dictionary(
            fc.oneof(
              fc.constantFrom('databaseUrl', 'schema', 'production', 'tz', 'toString'),
              text,
            ),
            fc.oneof(
              fc.constantFrom('postgresql://u:hunter2@h/d', true, '$'.concat('{X}')),
              fc.jsonValue(),
            ),
          ),
        ),
      },
      { requiredKeys: [] },
    )
    .map((value) => JSON.stringify(value))
  const broken = fc
    .tuple(fc.oneof(anything, almost), fc.nat(), fc.nat(5), text)
    .map(([json, at, gone, more]) => {
      const place = at % (json.length + 1)
      return json.slice(0, place) + more + json.slice(place + gone)
    })
  const bytes = fc.uint8Array({ maxLength: 60 }).map((some) => Buffer.from(some))

  it('by what reads it', () => {
    const source: fc.Arbitrary<string | Buffer> = fc.oneof(anything, almost, broken, text, bytes)
    fc.assert(
      fc.property(source, (content) => {
        const line = refusal(content)
        expect(line).not.toContain('hunter2')
        expect(line.length).toBeLessThan(300)
      }),
      { numRuns: 1500 },
    )
  })

  it('and the place of a flaw is found in all that JSON.parse refuses, and in nothing else', () => {
    fc.assert(
      fc.property(fc.oneof(anything, almost, broken, text), (content) => {
        let isJson = true
        try {
          JSON.parse(content)
        } catch {
          isJson = false
        }
        expect(findFlaw(content) === undefined).toBe(isJson)
      }),
      { numRuns: 1500 },
    )
  })

  it('and by the program, without a stack or a control character', async () => {
    const path = join(root, 'garbage.json')
    await fc.assert(
      fc.asyncProperty(fc.oneof(broken, text, bytes), async (content) => {
        fc.pre(content.length > 0)
        writeFileSync(path, content)
        const { code, stderr } = await runCli(['config', 'profiles'], {
          env: { WFSTORE_CONFIG: path },
        })
        expect([0, 2]).toContain(code)
        if (code === 2) expect(stderr).toMatch(/^error: [^\p{Cc}]*\n$/u)
      }),
      { numRuns: 100 },
    )
  })

  it('nested deep or long it is no crash', () => {
    expect(refusal('['.repeat(200_000))).toContain('it ends too early')
    expect(refusal(`{"a": ${'['.repeat(100_000)}${']'.repeat(100_000)}}`)).toContain('a is unknown')
    expect(refusal(`{"${'k'.repeat(200_000)}": 1}`).length).toBeLessThan(300)
  })
})

describe('the config that counts', () => {
  const write = (path: string, content = '{}') => {
    mkdirSync(join(root, path, '..'), { recursive: true })
    writeFileSync(join(root, path), content, { mode: 0o600 })
  }
  const found = (cwd: string, env = {}, uid?: number) => {
    const { file, ignored } = findConfig(join(root, cwd), env, uid)
    const inside = (path: string) => path.replace(`${root}/`, '')
    return [file && inside(file.path), ...ignored.map(({ path, why }) => `${inside(path)}: ${why}`)]
  }

  it('is the nearest above, as far as the checkout or the home folder, and then that at home', () => {
    const home = { HOME: join(root, 'home') }
    write('wfstore.config.json')
    write('repo/.git/HEAD')
    write('repo/a/b/x')
    write('home/work/x')
    expect(found('repo/a/b', {})).toEqual([undefined])
    write('home/.wfstorerc')
    expect(found('repo/a/b', home)).toEqual(['home/.wfstorerc'])
    expect(found('home/work', home)).toEqual(['home/.wfstorerc'])
    write('repo/.wfstorerc')
    expect(found('repo/a/b', home)).toEqual(['repo/.wfstorerc'])
    write('repo/wfstore.config.json')
    expect(found('repo/a/b', home)).toEqual(['repo/wfstore.config.json'])
    rmSync(join(root, 'home/.wfstorerc'))
    expect(found('home/work', home)).toEqual([undefined])
    expect(found('home/work', {})).toEqual(['wfstore.config.json'])
  })

  it('is nobody else’s, and none that anybody may write', () => {
    const me = process.getuid?.() ?? 0
    write('theirs/wfstore.config.json')
    if (me === 0) {
      chownSync(join(root, 'theirs/wfstore.config.json'), 4321, 4321)
      expect(found('theirs', {}, 4321)).toEqual(['theirs/wfstore.config.json'])
    }
    const stranger = me === 0 ? 0 : me + 1
    expect(found('theirs', { HOME: join(root, 'theirs') }, stranger)).toEqual([
      undefined,
      'theirs/wfstore.config.json: it belongs to another user',
    ])
    write('open/.git/HEAD')
    write('open/wfstore.config.json')
    chmodSync(join(root, 'open/wfstore.config.json'), 0o666)
    write('open/.wfstorerc')
    expect(found('open')).toEqual([
      'open/.wfstorerc',
      'open/wfstore.config.json: everybody may write to it',
    ])
    chmodSync(join(root, 'open'), 0o777)
    expect(found('open')[0]).toBeUndefined()
    chmodSync(join(root, 'open'), 0o1777)
    expect(found('open')[0]).toBe('open/.wfstorerc')
  })

  it('is no folder, pipe or broken link, which are passed over', () => {
    write('odd/.git/HEAD')
    mkdirSync(join(root, 'odd/wfstore.config.json'))
    symlinkSync('nowhere', join(root, 'odd/.wfstorerc'))
    expect(found('odd')).toEqual([undefined, 'odd/.wfstorerc: it cannot be read: ENOENT'])
  })

  it('is said to be passed over, and may be named outright', async () => {
    const cwd = join(root, 'said')
    write('said/.git/HEAD')
    write('said/.wfstorerc', '{"profiles": {"p": {"databaseUrl": "postgresql://u@h/d"}}}')
    chmodSync(join(cwd, '.wfstorerc'), 0o666)
    const why = `${cwd}/.wfstorerc`
    expect(await runCli(['config', 'profiles'], { cwd })).toEqual({
      code: 0,
      stdout: '',
      stderr: `note: ${why} is ignored: everybody may write to it (WFSTORE_CONFIG=FILE uses it all the same)\n`,
    })
    expect((await runCli(['config', '--profile', 'p'], { cwd })).stderr).toBe(
      `error: there is no profile p (--profile): no config here; ${why} does not count: everybody may write to it; WFSTORE_CONFIG=FILE uses it all the same\n`,
    )
    const env = { WFSTORE_CONFIG: '.wfstorerc' }
    expect((await runCli(['config', 'profiles'], { cwd, env })).stdout).toContain('u@h:5432/d')
    for (const [file, code] of [
      ['gone', 2],
      ['/dev/null', 0],
    ] as const)
      expect(
        (await runCli(['config', 'profiles'], { cwd, env: { WFSTORE_CONFIG: file } })).code,
      ).toBe(code)
  })
})
