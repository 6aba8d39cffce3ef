import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { isScalar, parse, parseDocument, visit } from 'yaml'
import { toYaml } from '../../../../src/cli/output/formats/yaml.ts'
import { amount, columns, hostileIn, rows } from '../arbitrary.ts'
import { print, recordColumns, runColumns, runs } from '../sample.ts'

const strings = columns.filter(({ kind }) => kind === 'text' || kind === 'id' || kind === 'status')
/** Halves of a character are not text: no format but JSON can write them. */
const whole = (text: string) => text.replace(/\p{Cs}/gu, '?')

describe('YAML', () => {
  it('of a list and of a record is what JSON has', async () => {
    for (const [yaml, json] of await Promise.all([
      both((writer) => writer.list(runColumns, runs)),
      both((writer) => writer.record(recordColumns, runs[1] as (typeof runs)[0])),
    ]))
      expect(parse(yaml)).toEqual(JSON.parse(json))
  })

  it('of any JSON is the same value in YAML 1.2 and 1.1', async () => {
    await fc.assert(
      fc.property(fc.json({ stringUnit: 'grapheme', maxDepth: 5 }), (json) => {
        const value = JSON.parse(json)
        expect(parse(toYaml(json))).toEqual(value)
        expect(parse(toYaml(json), { version: '1.1' })).toEqual(value)
      }),
    )
  })

  it('preserves every string, and shows hidden characters', async () => {
    await fc.assert(
      fc.asyncProperty(rows, async (many) => {
        const { stdout } = await print({ format: 'yaml' }, (writer) => writer.list(strings, many))
        const wanted = many.map((one) =>
          Object.fromEntries(
            strings.map(({ name }) => [name, one[name] == null ? null : whole(String(one[name]))]),
          ),
        )
        const read = parse(stdout) as Record<string, string | null>[]
        expect(
          read.map((row) =>
            Object.fromEntries(
              Object.entries(row).map(([name, text]) => [name, text === null ? null : whole(text)]),
            ),
          ),
        ).toEqual(wanted)
        expect(hostileIn(stdout)).toEqual([])
      }),
    )
  })

  it('of any text has only characters that YAML allows', () => {
    const ALLOWED = /^[\n\x20-\x7e\xa0-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]*$/u
    const text = fc.string({
      unit: fc.constantFrom('a', ' ', '\ufffe', '\uffff', '\x85', '\u{1ffff}'),
    })
    fc.assert(
      fc.property(text, (any) => {
        const yaml = toYaml(JSON.stringify(any))
        expect(yaml).toMatch(ALLOWED)
        expect(parse(yaml)).toBe(any)
      }),
    )
  })

  it('has every digit of an amount', async () => {
    await fc.assert(
      fc.property(amount, (digits) => {
        const found: string[] = []
        visit(parseDocument(toYaml(`{"a": ${digits}}`)), {
          Pair: (_, { value }) => {
            if (isScalar(value)) found.push(value.source ?? '')
          },
        })
        expect(found).toEqual([digits])
      }),
    )
  })

  it.each([
    'yes',
    'No',
    'on',
    'null',
    '~',
    '1e3',
    '0x1f',
    '012',
    '1_000',
    '12:30:45',
    '.inf',
    '<<',
    '=',
    '2026-11-23',
    '2026-11-23T08:22:35Z',
    '',
    ' a',
    'a ',
    'a: b',
    'a #b',
    '- a',
    '? a',
    '---',
    '%a',
    '&a',
    '*a',
    '!a',
    '|',
    '>',
    '@a',
    '`a`',
    '{a}',
    '[a]',
    "'a'",
    '"a"',
    'a\nb',
    'a\tb',
    '\u{1f600}',
    '\u{e0041}',
    'true ',
    'k'.repeat(2000),
  ])('writes %j so that it stays text, as a value and as a key', (text) => {
    const json = JSON.stringify({ [text]: text, list: [text, [text]] })
    for (const version of ['1.1', '1.2'] as const)
      expect(parse(toYaml(json), { version, merge: true })).toEqual(JSON.parse(json))
  })
})

async function both(use: Parameters<typeof print>[1]): Promise<[string, string]> {
  const yaml = await print({ format: 'yaml' }, use)
  const json = await print({ format: 'json' }, use)
  return [yaml.stdout, json.stdout]
}
