// The tables of docs/OPENTELEMETRY.md say what the code does.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { factsOf } from '../../src/record/otel/facts.ts'
import { DEFAULT_MAPPING } from '../../src/record/otel/mapping.ts'
import type { Attributes, Span } from '../../src/record/otel/types.ts'

const docs = join(import.meta.dirname, '../../docs')
const page = readFileSync(join(docs, 'OPENTELEMETRY.md'), 'utf8')

/** The cells of the rows of the table whose head starts so, without the head. */
function tableOf(head: string): string[][] {
  const lines = page.split('\n')
  const first = lines.findIndex((line) => line.startsWith(`| ${head} `))
  const rows = lines.slice(first + 2)
  return rows
    .slice(
      0,
      rows.findIndex((line) => !line.startsWith('|')),
    )
    .map((line) =>
      line
        .split('|')
        .map((cell) => cell.trim())
        .slice(1, -1),
    )
}
const namesIn = (cell = ''): string[] =>
  [...cell.matchAll(/`([^`]+)`/g)].map(([, name = '']) => name)

const factsFrom = (attributes: Attributes) => {
  const span: Span = {
    traceId: '5b8efff798038103d269b633813fc60c',
    spanId: 'eee19b7ec3c1b174',
    parentSpanId: null,
    flags: null,
    traceState: '',
    name: 'span',
    startTime: '2026-11-26T12:00:00.000000Z',
    endTime: '2026-11-26T12:00:01.000000Z',
    attributes,
    resource: {},
    scope: { name: 'test', version: '' },
    status: { code: 0, message: '' },
    events: [],
    links: [],
  }
  return factsOf(span, DEFAULT_MAPPING)
}

const FIELDS = ['workflow', 'user', 'session', 'mode'] as const
it.each(FIELDS)('the usual attributes of %s, in their order', (field) => {
  const [, cell] = tableOf('field').find(([name]) => name === field) ?? []
  const named = namesIn(cell?.replace(/`(\w+)` in the JSON of `metadata`/, '`metadata.$1`'))
  expect(named.length).toBeGreaterThan(1)
  expect(named).toEqual(DEFAULT_MAPPING[field].filter((name) => named.includes(name)))
})
it.each(FIELDS)('docs/CONFIG.md has all attributes of %s, in their order', (field) => {
  const config = readFileSync(join(docs, 'CONFIG.md'), 'utf8')
  const [, list] =
    new RegExp(`^- \`${field}\`: ([^;]*?)(?:;.*?)?(?=^- |^$)`, 'ms').exec(config) ?? []
  expect(namesIn(list)).toEqual(DEFAULT_MAPPING[field])
})

const KINDS = tableOf('attribute').flatMap(([attribute, model, tool, agent]) =>
  Object.entries({ model, tool, agent }).flatMap(([kind, cell]) =>
    namesIn(cell).map((value) => ({ attribute: namesIn(attribute)[0] ?? '', value, kind })),
  ),
)
it.each(KINDS)('$attribute $value is a $kind', ({ attribute, value, kind }) => {
  const whole = value.startsWith('.') ? `ai.generateText${value}` : value
  expect(factsFrom({ [attribute]: whole }).kind).toBe(kind)
  expect(factsFrom({ [attribute]: 'something else' }).kind).toBe('container')
})

const CLASSES: Record<string, string> = {
  'cache read': 'cacheRead',
  'cache write': 'cacheWrite',
}
const COUNTS = tableOf('class').flatMap(([name = '', cell]) =>
  namesIn(cell).map((attribute) => ({ name, attribute })),
)
it.each(COUNTS)('$attribute counts as $name', ({ name, attribute }) => {
  const usage = factsFrom({ 'gen_ai.operation.name': 'chat', [attribute]: 5 }).usage
  expect(usage).toMatchObject({ [CLASSES[name] ?? name]: 5 })
})

it('the tables are read', () => {
  expect(KINDS.length).toBeGreaterThan(15)
  expect(COUNTS.length).toBeGreaterThan(15)
})
