// The columns that an application has added to the tables.
import { readFileSync } from 'node:fs'
import { gunzipSync } from 'node:zlib'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { exportLines } from '../../../src/transfer/export/export.ts'
import { clean, inFolder, restore, rowsOf } from '../../cleanup/archive/support.ts'
import { citusUrl } from '../../support/citus.ts'
import type { TestDatabase } from '../../support/database.ts'
import { withClient } from '../../support/migrate.ts'
import { createMigrated } from '../../support/migrated.ts'
import { EMPTY, exportOf, id, importInto, line, RUN, rowsIn } from '../import/support.ts'

/** Names that SQL, JSON, JavaScript or wfstore could take for something else. */
const HOSTILE = [
  '__proto__',
  'constructor',
  ...['line', 'x', 's', 't', 'e', 'gone', 'back'],
  'absent',
  'c0',
  'executionId',
  'jsonNull',
  'extra',
  'select',
  "it's",
  'a "quoted" name',
  'back\\slash',
  'new\nline\ttab',
  '$1',
  '%s',
  'é 日本 \u{1f600}',
  '\u0001\u0002',
]
const quoted = (name: string) => `"${name.replaceAll('"', '""')}"`

const COLUMNS = `
  create type mood as enum ('sad', 'it''s, "fine"');
  create type pair as (a text, b timestamptz);
  create domain document as jsonb;
  create domain code as text default 'none' check (value <> '');
  alter table workflow_executions
    ${HOSTILE.map((name) => `add column ${quoted(name)} text, `).join('')}
    add column "mood" mood, add column two pair, add column pairs pair[], add column grid int[][], add column raw bytea,
    add column took interval, add column doc jsonb, add column whole json, add column more document, add column amount money,
    add column real_ float8, add column at time(3), add column fixed char(5), add column bits bit(3), add column span tstzrange,
    add column net inet, add column day date, add column plain timestamp, add column point point, add column code code,
    add column collated text collate "C", add column ref regclass,
    add column twice bigint generated always as (total_tokens * 2) stored;
  alter table workflow_steps add column note text not null default 'none';
  alter table audit_logs add column number bigint ${citusUrl ? 'default 1' : 'generated always as identity'};
  alter table billing_records add column invoice numeric(12, 2), add column lines jsonb[];
  alter table observability_metrics add column unit text default upper('ms')`

const FILL = `
  insert into workflow_executions (execution_id, workflow_name, user_id, mode, model_id, start_time, end_time, status, metadata,
    ${HOSTILE.map(quoted).join(', ')},
    mood, two, pairs, grid, raw, took, doc, whole, more, amount, real_, at, fixed, bits, span, net, day, plain, point, code, collated, ref)
  values ('${RUN}', 'w', 'u', 'm', 'x', '2026-01-01Z', '2026-01-02Z', 'success', 'null',
    ${HOSTILE.map((_, n) => (n % 3 === 0 ? 'null' : `e'value ${n}\\t\\\\N "x" \\n'`)).join(', ')},
    'it''s, "fine"', row('x",', '2026-01-01Z'), array[row(null, null), row('', 'infinity')]::pair[], '[0:1]={7,null}', '\\x00ff0a',
    '-1 mon +3 days 04:05:06.789', 'null', e'{ "a" :\\n [ 1.10 ] }', '"null"', '-12.34', '0.30000000000000004', '12:34:56.7', 'ab', '101',
    '[2026-01-01Z,)', '10.0.0.1/8', '0044-03-15 BC', 'infinity', '(1,2)', 'c', '', 'workflow_steps');
  insert into workflow_executions (execution_id, workflow_name, user_id, mode, model_id, start_time, end_time, status, code)
  values ('${id(8)}', 'w', 'u', 'm', 'x', '2026-01-01Z', '2026-01-01Z', 'failed', null);
  insert into workflow_steps (execution_id, step_id, step_number, step_name, note, result, tool_parameters)
  values ('${RUN}', '${id(1)}', 1, 's', '', 'null', null);
  insert into audit_logs (log_id, execution_id, user_id, action_type, action_details, timestamp)
  values ('${id(2)}', '${RUN}', 'u', 'a', 'd', '2026-01-01Z'), ('${id(3)}', wfstore_no_run(), 'u', 'a', 'd', '2026-01-01Z');
  insert into billing_records (billing_id, execution_id, user_id, model_id, billing_period, invoice, lines)
  values ('${id(4)}', '${RUN}', 'u', 'x', '2026-01', 7, array['null', '{"a": 1.0}', null]::jsonb[]);
  insert into observability_metrics (metric_id, user_id, metric_type, metric_value, timestamp) values
    ('${id(5)}', 'u', 't', 1.50, '2026-01-01Z')`

let here: TestDatabase
let there: TestDatabase

beforeAll(async () => {
  ;[here, there] = await Promise.all([createMigrated('extra_here'), createMigrated('extra_there')])
  await here.sql(COLUMNS)
  await there.sql(COLUMNS)
})
afterAll(async () => {
  await here.drop()
  await there.drop()
})
beforeEach(async () => {
  await here.sql(`${EMPTY}, usage_history, audit_history, wfstore_cleanups`)
  await there.sql(EMPTY)
  await here.sql(FILL)
})

const billsOf = (database: TestDatabase) =>
  database.sql('select t::text from billing_records t order by 1')

it('columns of any name and type survive an export and an import elsewhere', async () => {
  const text = await exportOf(here)
  const report = await importInto(there, text)
  expect(report.inserted).toEqual(await rowsIn(here))
  expect(await rowsOf(there)).toEqual(await rowsOf(here))
  expect(await billsOf(there)).toEqual(await billsOf(here))
  expect(await exportOf(there)).toBe(text)
  expect(await importInto(there, text)).toMatchObject({ repeated: report.read, invalidCount: 0 })
})

it('a row has the same line in an export and in an archive, and can be read from both', () =>
  inFolder(async (folder) => {
    const rows = await rowsOf(here)
    const exported = (await exportOf(here)).trimEnd().split('\n')
    const { archive } = await clean(here, folder)
    const archived = (archive?.files ?? []).flatMap(({ name }) =>
      String(gunzipSync(readFileSync(`${archive?.place}/${name}`)))
        .trimEnd()
        .split('\n'),
    )
    const removed = exported.filter((text) => !text.startsWith('{"bill"'))
    expect(removed).toHaveLength(6)
    expect(archived.toSorted()).toEqual(removed.toSorted())
    await restore(here, folder)
    expect(await rowsOf(here)).toEqual(rows)
  }))

it('the settings of a database change no byte of such values', async () => {
  const text = await exportOf(here)
  const settings = [
    `timezone = 'Asia/Kathmandu'`,
    `datestyle = 'ISO, DMY'`,
    `intervalstyle = 'iso_8601'`,
    `bytea_output = 'escape'`,
    'extra_float_digits = 0',
  ]
  for (const { sql, name } of [here, there])
    for (const setting of settings) await sql(`alter database ${name} set ${setting}`)
  try {
    expect(await exportOf(here)).toBe(text)
    await importInto(there, text)
    expect(await exportOf(there)).toBe(text)
  } finally {
    for (const { sql, name } of [here, there]) await sql(`alter database ${name} reset all`)
  }
})

it('no column can be added between the moment of an export and its lines', async () => {
  await withClient(here, async (client) => {
    const query = client.query.bind(client) as (...words: unknown[]) => unknown
    let added: Promise<unknown> | undefined
    const add = `set lock_timeout = '10ms'; alter table workflow_steps add column late text`
    Object.assign(client, {
      query: (...words: [{ text?: string }]) => {
        if (!words[0].text?.includes('pg_attribute')) return query(...words)
        added = here.sql(add)
        return Promise.allSettled([added]).then(() => query(...words))
      },
    })
    const lines = exportLines(client)
    expect((await lines.next()).value?.length).toBeGreaterThan(0)
    await expect(added).rejects.toMatchObject({ code: '55P03' })
    await lines.return()
  })
  await here.sql('reset lock_timeout')
})

it('JSON null and a missing value differ, in columns of wfstore and of the application', async () => {
  const lines = (await exportOf(here)).trimEnd().split('\n')
  const lineWith = (start: string) => JSON.parse(lines.find((text) => text.startsWith(start)) ?? '')
  const full = lineWith(`{"execution":{"executionId":"${RUN}"`)
  const bare = lineWith(`{"execution":{"executionId":"${id(8)}"`)
  const { step, jsonNull } = lineWith('{"step"')
  expect([full.execution.metadata, full.jsonNull]).toEqual([null, ['metadata']])
  expect([bare.execution.metadata, bare.jsonNull]).toEqual([{}, undefined])
  expect([full.extra.doc, full.extra.more, bare.extra.doc]).toEqual(['null', '"null"', null])
  expect([step.result, step.toolParameters, jsonNull]).toEqual([null, null, ['result']])
})

it('a different value of such a column is a named difference', async () => {
  const text = await exportOf(here)
  await here.sql(`update workflow_steps set note = 'other'`)
  await expect(importInto(here, text)).rejects.toMatchObject({
    message: expect.stringMatching(/^line [23]: step .* with another .*\bnote$/),
  })
  await here.sql(`update workflow_executions set point = '(1,3)', "it's" = 'other'`)
  await expect(importInto(here, text)).rejects.toMatchObject({
    message: expect.stringMatching(/^line 1: execution .* with another .*\bit's, point; /),
  })
})

describe('a line without some columns', () => {
  const withExtra = (text: string, extra: object) =>
    text.replace(/\}\n$/, `,"extra":${JSON.stringify(extra)}}\n`)

  it('gets their defaults, and they are not compared with the existing row', async () => {
    const lines = [
      line.execution(),
      line.step(),
      withExtra(line.audit({ logId: id(21) }), { number: '77' }),
      line.audit({ logId: id(22) }),
      withExtra(line.metric({ metricId: id(41) }), { unit: null }),
      line.metric({ metricId: id(42) }),
    ]
    await importInto(there, lines)
    const [values] = await there.sql(
      `select (select code from workflow_executions), (select note from workflow_steps),
         (select array_agg(number::text order by log_id) from audit_logs) as numbers,
         (select array_agg(unit order by metric_id) from observability_metrics) as units`,
    )
    expect(values).toEqual({
      code: 'none',
      note: 'none',
      numbers: ['77', '1'],
      units: [null, 'MS'],
    })
    await there.sql(`update workflow_steps set note = 'of the application'`)
    expect(await importInto(there, lines)).toMatchObject({ repeated: 6, invalidCount: 0 })
  })

  it.each([
    ['a number', { unit: 1 }, 'extra "unit" is 1, not a text or null'],
    [
      'a column that is not there',
      { tenant: 'a', 'x"': null },
      'the table observability_metrics has no columns "tenant", "x\\"": add what is missing to the table, or leave it out of "extra"',
    ],
    ['a character that PostgreSQL has not', { unit: '\0' }, 'holds the character U+0000'],
  ])('is refused with %s', async (_, extra, reason) => {
    const text = withExtra(line.metric(), extra)
    await expect(importInto(there, [line.audit(), text])).rejects.toMatchObject({
      code: 'usage',
      message: `line 2: ${reason}`,
    })
    expect((await rowsIn(there)).audit).toBe(0)
  })

  it('is refused with a column that the database computes, and with a value that is not of its type', async () => {
    for (const [extra, reason] of [
      [
        { twice: '4' },
        'the table workflow_executions computes its column "twice": leave it out of "extra"',
      ],
      [{ mood: 'glad' }, 'invalid input value for enum mood: "glad"'],
    ] as const) {
      const text = withExtra(line.execution(), extra)
      await expect(importInto(there, text)).rejects.toMatchObject({ message: `line 1: ${reason}` })
    }
  })
})

it('the lines with such columns in docs/IMPORT.md are right', async () => {
  const page = readFileSync(new URL('../../../docs/IMPORT.md', import.meta.url), 'utf8')
  const [, columns = ''] = /^ +(alter table workflow_executions.*;)$/m.exec(page) ?? []
  const [, shown = ''] = /(,"extra":\{"tenant".*\}\})$/m.exec(page) ?? []
  const database = await createMigrated('extra_shown')
  try {
    const text = line.execution().replace(/\}\n$/, `${shown}\n`)
    await expect(importInto(database, text)).rejects.toMatchObject({
      message: expect.stringContaining('has no columns "tenant", "labels", "doc", "seen"'),
    })
    await database.sql(columns)
    await importInto(database, text)
    expect(await exportOf(database)).toContain(shown)
  } finally {
    await database.drop()
  }
})
