import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { parseConfig } from '../../../src/cli/config/parse.ts'
import { profileUrl } from '../../../src/cli/config/profile.ts'
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
const EXAMPLE = '`wfstore help config-file` has an example'

describe('a mistake in a config is one line with the file, line, column and key', () => {
  it.each([
    ['', ':1:1: value expected'],
    ['{\n  "profiles": {\n', ':3:1: close brace expected at profiles'],
    ["{'profiles': {}}", ':1:2: invalid symbol; put names and strings in double quotes'],
    ['{"default": "a\nb"}', ':1:13: unexpected end of string at default'],
    ['{"default" "a"}', ':1:12: colon expected at default'],
    [
      '{\n  "default": local\n}',
      ':2:14: invalid symbol at default; put names and strings in double quotes',
    ],
    ['{"profiles": {"p": {"tz": "UTC" "color": 1}}}', ':1:33: comma expected at profiles.p.color'],
    ['{"a": /* ours', ':1:7: unexpected end of comment at a'],
    ['{} {}', ':1:4: end of file expected'],
    [Buffer.from([0x7b, 0xff, 0x7d]), ' is not UTF-8'],
    ['[]', `:1:1: must be an object in { }; ${EXAMPLE}`],
    ['{"profiles": []}', `:1:14: profiles must be an object in { }; ${EXAMPLE}`],
    ['{"profile": {}}', ':1:2: profile is unknown; did you mean profiles?'],
    [
      '{"colour": 1}',
      ':1:2: colour is unknown; known keys: $schema, default, profiles, defaults, ingest, serve',
    ],
    [
      '{"serve": {"listen": "8787"}}',
      `:1:22: serve.listen must be an address such as "127.0.0.1:8787"; ${EXAMPLE}`,
    ],
    [
      '{"serve": {"queries": "8"}}',
      `:1:23: serve.queries must be a number from 1 to 100; ${EXAMPLE}`,
    ],
    [
      '{"serve": {"queries": 0}}',
      `:1:23: serve.queries must be a number from 1 to 100; ${EXAMPLE}`,
    ],
    [
      '{"serve": {"cors": ["*"]}}',
      `:1:20: serve.cors must be a list of origins such as "https://grafana.example.com"; ${EXAMPLE}`,
    ],
    [
      '{"serve": {"host": []}}',
      `:1:20: serve.host must be a list of names such as "wfstore.example.com"; ${EXAMPLE}`,
    ],
    ['{"ingest": []}', `:1:12: ingest must be an object in { }; ${EXAMPLE}`],
    [
      '{"ingest": {"trustcost": true}}',
      ':1:13: ingest.trustcost is unknown; did you mean trustCost?',
    ],
    [
      '{"ingest": {"quiet": "soon"}}',
      `:1:22: ingest.quiet must be a duration such as "30s" or "0s"; ${EXAMPLE}`,
    ],
    [
      '{"ingest": {"abandon": 60}}',
      `:1:24: ingest.abandon must be a duration such as "1h"; ${EXAMPLE}`,
    ],
    [
      '{"ingest": {"contentLimit": "64kB"}}',
      `:1:29: ingest.contentLimit must be a number of characters such as "64k"; ${EXAMPLE}`,
    ],
    ['{"ingest": {"content": "yes"}}', `:1:24: ingest.content must be true or false; ${EXAMPLE}`],
    [
      '{"ingest": {"defaultUser": ""}}',
      `:1:28: ingest.defaultUser must be a string that is not empty; ${EXAMPLE}`,
    ],
    ...['"user.id"', '[]', '["user.id", 1]', '[""]'].map((value): [string, string] => [
      `{"ingest": {"user": ${value}}}`,
      `:1:21: ingest.user must be a list of attribute names, such as ["user.id"]; ${EXAMPLE}`,
    ]),
    ...['["app.team"]', '{"team": "app.team"}', '{"": ["app.team"]}', '{"team": []}'].map(
      (value): [string, string] => [
        `{"ingest": {"tags": ${value}}}`,
        `:1:21: ingest.tags must be an object of lists of attribute names by tag, such as { "team": ["app.team"] }; ${EXAMPLE}`,
      ],
    ),
    ['{"default": "p"}', ':1:13: default is p, which is not a profile; the config has no profiles'],
    [
      '{"default": "prd", "profiles": {"prod": {"databaseUrl": "postgresql://h/d"}}}',
      ':1:13: default is prd, which is not a profile; did you mean prod? profiles: prod',
    ],
    ['{"profiles": {"p": {}}}', `:1:20: profiles.p has no databaseUrl; ${EXAMPLE}`],
    ['{"profiles": {"p": {}, "p": {}}}', `:1:24: profiles.p is given twice; ${EXAMPLE}`],
    [
      '{"profiles": {"__proto__": {}}}',
      ':1:15: profiles.__proto__ is not a valid name; use letters, digits, dots, dashes and underscores, at most 63, and begin with a letter or digit',
    ],
    [
      '{"profiles": {"p": {"databseUrl": "hunter2"}}}',
      ':1:21: profiles.p.databseUrl is unknown; did you mean databaseUrl?',
    ],
    [
      '{"profiles": {"p": {"databaseUrl": "mysql://u:hunter2@h/d"}}}',
      `:1:36: profiles.p.databaseUrl must begin with postgresql:// or \${NAME}; ${EXAMPLE}`,
    ],
    [
      `{"profiles": {"p": {"databaseUrl": "postgresql://u:\${a b}@h/d"}}}`,
      `:1:36: profiles.p.databaseUrl has an invalid environment variable: write it as \${NAME}; ${EXAMPLE}`,
    ],
    [
      profile('"production": "yes"'),
      `:1:70: profiles.p.production must be true or false; ${EXAMPLE}`,
    ],
    [
      profile('"tz": "Mars"'),
      `:1:62: profiles.p.tz must be the IANA name of a time zone, such as Europe/Berlin; ${EXAMPLE}`,
    ],
    [
      profile('"tz": "PST"'),
      `:1:62: profiles.p.tz must be the IANA name of a time zone, such as America/Los_Angeles or Asia/Manila; ${EXAMPLE}`,
    ],
    [
      profile('"output": "xml"'),
      `:1:66: profiles.p.output must be one of table, json, jsonl, csv, tsv, yaml, name; ${EXAMPLE}`,
    ],
    [
      '{\n  "defaults": {"schema": "s"}\n}',
      ':2:16: defaults.schema is unknown; known keys: tz, output, color, maxLag',
    ],
  ])('%j', (content, line) => {
    expect(refusal(content)).toBe(`/x/wfstore.config.json${line}`)
  })

  it('and a URL in the place of a key, which may have a password, is not shown', () => {
    for (const after of ['}', ': 1}', ' "x"}'])
      expect(refusal(`{"profiles": {"p": {"postgresql://u:hunter2@h/d"${after}}}`)).toMatch(
        /^\/x\/wfstore\.config\.json:1:\d\d: [^/]*profiles\.p\.…/,
      )
  })
})

it('a config can have comments and trailing commas', () => {
  const { profiles } = parse(`{
    // Which database is which.
    "profiles": {
      "p": { "databaseUrl": "postgresql://h/d", /* in Berlin */ "tz": "Europe/Berlin", },
    },
  }`)
  expect(profiles.get('p')).toEqual({
    ...{ name: 'p', databaseUrl: 'postgresql://h/d', tz: 'Europe/Berlin' },
  })
})

it('a byte order mark, $schema and an empty object are accepted', () => {
  expect(parse('\ufeff{"$schema": "https://x", "defaults": {"tz": "UTC"}}')).toEqual({
    path: '/x/wfstore.config.json',
    default: undefined,
    profiles: new Map(),
    defaults: { tz: 'UTC' },
    ingest: {},
    serve: {},
    othersMayRead: false,
  })
})

it('a variable within a URL is encoded, a variable that is the whole URL is not', () => {
  const env = { URL: 'postgresql://h/d?sslmode=require', PW: 'p@ss:w/rd' }
  const url = (databaseUrl: string) => profileUrl({ name: 'p', databaseUrl }, env)
  expect(url('$'.concat('{URL}'))).toBe(env.URL)
  expect(url('postgresql://u:$'.concat('{PW}@h/d'))).toBe('postgresql://u:p%40ss%3Aw%2Frd@h/d')
  expect(() => url('postgresql://u:$'.concat('{GONE}@h/d'))).toThrow(
    'the environment variable GONE of profile p is not set',
  )
})

describe('any content is accepted or refused in one line', () => {
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

  it('by the reader', () => {
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

  it('and valid JSON is never a syntax error', () => {
    fc.assert(
      fc.property(fc.oneof(anything, almost), (content) => {
        expect(refusal(content)).not.toMatch(/expected|invalid symbol|unexpected/)
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

  it('deep or long content does not crash', () => {
    expect(refusal('['.repeat(200_000))).toContain('is nested too deeply')
    expect(refusal(`{"a": ${'['.repeat(100_000)}${']'.repeat(100_000)}}`)).toContain('too deeply')
    expect(refusal('"a" '.repeat(50_000)).length).toBeLessThan(300)
    expect(refusal(`{"${'k'.repeat(200_000)}": 1}`).length).toBeLessThan(300)
  })
})
