import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { TestDatabase } from '../../support/database.ts'
import { createMigrated } from '../../support/migrated.ts'
import { EMPTY, id, importInto, line, rowsIn } from './support.ts'

let database: TestDatabase

beforeAll(async () => {
  database = await createMigrated('import_invalid')
})
afterAll(() => database.drop())
beforeEach(async () => {
  await database.sql(EMPTY)
})

const NOTHING = { execution: 0, step: 0, audit: 0, bill: 0, metric: 0 }

describe('an invalid line', () => {
  const half = String.fromCharCode(0xd83d)
  const cases: [string, string | Buffer, RegExp][] = [
    ['no JSON', '{"metric": oops}\n', /^is not JSON: /],
    ['no object', '[1]\n', /^is \[1\], not a JSON object$/],
    ['no kind', '{}\n', /^has no key, not one of execution, step, audit, bill, metric$/],
    ['an unknown kind', '{"run":{}}\n', /^has the key run, not one of execution, /],
    ['two kinds', '{"metric":{},"bill":{}}\n', /^has the key metric, bill, not one of/],
    ['a kind without fields', '{"metric":7}\n', /^metric is 7, not an object$/],
    ['an unknown field', line.metric({ metricvalue: 1 }), /^a metric has no field "metricvalue"$/],
    [
      'a field of the prototype',
      line.metric({ toString: 1 }),
      /^a metric has no field "toString"$/,
    ],
    [
      'a field twice',
      line.metric().replace('"metricValue":1.5', '"metricValue":1.5,"metricValue" : 2'),
      /^has the key "metricValue" twice$/,
    ],
    ['a row twice', '{"metric":{},"metric":{}}\n', /^has the key "metric" twice$/],
    [
      'a key of a JSON value twice',
      line
        .metric({ dimensions: {} })
        .replace('"dimensions":{}', '"dimensions":{"a":[{"b":1,"\\u0062":2}]}'),
      /^has the key "b" twice$/,
    ],
    ['no id', line.metric({ metricId: undefined }), /^metricId is missing$/],
    [
      'no value where one is needed',
      line.audit({ actionDetails: undefined }),
      /^actionDetails is missing$/,
    ],
    [
      'null where a value is needed',
      line.execution({ userId: null }),
      /^userId is null, and must have a value$/,
    ],
    ['null for what has a default', line.execution({ status: null }), /^status is null, and must/],
    ['a number as text', line.execution({ userId: 7 }), /^userId is 7, not a text$/],
    ['no UUID', line.execution({ executionId: 'run 1' }), /^executionId is "run 1", not a UUID$/],
    [
      'an unknown status of a run',
      line.execution({ status: 'done' }),
      /^status is "done", not one of running, success, failed, partial, cancelled$/,
    ],
    [
      'an unknown status of a step',
      line.step({ status: 'partial' }),
      /^status is "partial", not one of pending, running, success, failed, skipped$/,
    ],
    [
      'a time without zone',
      line.metric({ timestamp: '2026-01-01T00:00:00' }),
      /^timestamp is "2026-01-01T00:00:00", not a time such as/,
    ],
    [
      'a time as a number',
      line.metric({ timestamp: 1767225600 }),
      /^timestamp is 1767225600, not a time/,
    ],
    [
      'nanoseconds',
      line.metric({ timestamp: '2026-01-01T00:00:00.1234567Z' }),
      /to the microsecond at most$/,
    ],
    [
      '30 February',
      line.metric({ timestamp: '2026-02-30T00:00:00Z' }),
      /a time that does not exist$/,
    ],
    [
      'a leap day of no leap year',
      line.metric({ timestamp: '1900-02-29T00:00:00Z' }),
      /does not exist$/,
    ],
    [
      'a negative amount',
      line.bill({ cost: -0.01 }),
      /^cost is -0.01, not an amount in US dollars, 0 or more$/,
    ],
    [
      'the smallest negative amount',
      '{"bill":{"billingId":"' +
        id(3) +
        '","userId":"u","modelId":"m","billingPeriod":"2026-01","cost":-1e-400}}\n',
      /^cost is 0, not an amount/,
    ],
    ...['2026-13', '2026-00', '2026-1', '2026-10 ', '0000-01', '99999-12', 'abc', '', '０００'].map(
      (month): [string, string, RegExp] => [
        `the month ${JSON.stringify(month)}`,
        line.bill({ billingPeriod: month }),
        new RegExp(`^billingPeriod is ${JSON.stringify(month)}, not a month such as 2024-12$`),
      ],
    ),
    [
      'an original month that does not exist',
      line.bill({ originalPeriod: '2026-13' }),
      /^originalPeriod is "2026-13", not a month such as 2024-12$/,
    ],
    ...['infinity', '-infinity', '10000-01-01T00:00:00Z', '0000-01-01T00:00:00Z'].map(
      (time): [string, string, RegExp] => [
        `the time ${time}`,
        line.execution({ startTime: time }),
        new RegExp(`^startTime is "${time}", not a time of the years 1 to 9999$`),
      ],
    ),
    ['NaN', line.bill({ cost: 'NaN' }), /^cost is "NaN", not an amount/],
    [
      'an invalid metric',
      line.metric({ metricValue: 'Infinity' }),
      /^metricValue is "Infinity", not a number$/,
    ],
    [
      'a negative count',
      line.bill({ tokensTotal: -1 }),
      /^tokensTotal is -1, not a whole number from 0$/,
    ],
    ['half a token', line.bill({ tokensInput: 0.5 }), /^tokensInput is 0.5, not a whole number/],
    [
      'a count beyond 2^63',
      '{"bill":{"billingId":"' +
        id(3) +
        '","userId":"u","modelId":"m","billingPeriod":"2026-01","tokensTotal":9223372036854775808}}\n',
      /^tokensTotal is 9223372036854775808, not a whole number from 0 to 2\^63 - 1$/,
    ],
    [
      'an integer beyond 2^31',
      line.execution({ stepsTotal: 2 ** 31 }),
      /^stepsTotal is 2147483648, not a whole number from 0 to 2147483647$/,
    ],
    ['a text as a truth value', line.bill({ paid: 'yes' }), /^paid is "yes", not true or false$/],
    ['U+0000 in a text', line.metric({ userId: 'a\0b' }), /^holds the character U\+0000$/],
    [
      'U+0000 deep in JSON',
      line.metric({ dimensions: [{ 'a\0': 1 }] }),
      /^holds the character U\+0000$/,
    ],
    ['half of a surrogate pair', line.metric({ userId: half }), /^holds half of a surrogate pair$/],
    [
      'jsonNull of a field that has a value',
      `${line.metric({ dimensions: {} }).slice(0, -2)},"jsonNull":["dimensions"]}\n`,
      /^jsonNull is \["dimensions"\], not a list of JSON fields that are null$/,
    ],
    ['bytes that are not UTF-8', Buffer.from([0x7b, 0xff, 0x7d, 0x0a]), /^is not UTF-8$/],
    [
      'a step without its run',
      line.step({ stepId: id(7), executionId: id(8) }),
      new RegExp(`^the run ${id(8)} of this step is neither in the file nor in the store$`),
    ],
    [
      'a number that PostgreSQL cannot hold',
      line.metric().replace('1.5', '1e200000'),
      /^value overflows numeric format/,
    ],
    [
      'JSON deeper than PostgreSQL goes',
      line.metric({ dimensions: 7 }).replace('7', '['.repeat(30_000) + ']'.repeat(30_000)),
      /^stack depth limit exceeded$/,
    ],
    [
      'a time before the year 1',
      line.metric({ timestamp: '0044-03-15T00:00:00Z BC' }),
      /^timestamp is .* BC", not a time of the years 1 to 9999$/,
    ],
    [
      'a text too long for an index',
      line.metric({ userId: 'ü'.repeat(651) }),
      /^userId is longer than 1300 bytes, which no index can hold$/,
    ],
  ]

  it.each(cases)('%s is named with its line, and nothing is imported', async (_, text, reason) => {
    // Behind an empty line and two that are valid.
    const file = ['\n', line.execution(), line.audit(), text, line.bill()]
    const refused = await importInto(database, file).then(
      () => undefined,
      (error) => error,
    )
    expect(refused).toMatchObject({ code: 'usage', message: expect.stringMatching(/^line 4: /) })
    expect(refused.message.slice('line 4: '.length)).toMatch(reason)
    expect(await rowsIn(database)).toEqual(NOTHING)
  })

  it.each(cases)(
    '%s is skipped with skipInvalid, and all other lines are imported',
    async (_, text, reason) => {
      const lines = [
        line.execution(),
        line.step(),
        line.audit({ logId: id(22) }),
        text,
        line.bill({ billingId: id(33) }),
      ]
      const report = await importInto(database, lines, { skipInvalid: true })
      expect(report.invalid).toEqual([{ line: 4, reason: expect.stringMatching(reason) }])
      expect(report).toMatchObject({
        read: 5,
        repeated: 0,
        inserted: { execution: 1, step: 1, audit: 1, bill: 1, metric: 0 },
      })
      expect(await rowsIn(database)).toEqual(report.inserted)
    },
  )
})

it('of many invalid lines the first is named, with their number', async () => {
  const lines = [line.execution(), '{}\n', line.metric({ metricValue: 'x' }), '{}\n']
  await expect(importInto(database, lines)).rejects.toMatchObject({
    message:
      'line 2: has no key, not one of execution, step, audit, bill, metric; 2 more lines are invalid',
  })
  await expect(importInto(database, lines.slice(0, 3))).rejects.toMatchObject({
    message: expect.stringMatching(/; 1 more line is invalid$/),
  })
  const many = Array.from({ length: 250 }, () => '{}\n')
  const report = await importInto(
    database,
    [line.step(), ...many, line.execution({ executionId: id(5) })],
    { skipInvalid: true },
  )
  expect([report.invalidCount, report.invalid.length]).toEqual([251, 100])
  expect(report.invalid.map(({ line }) => line)).toEqual(
    Array.from({ length: 100 }, (_, index) => index + 1),
  )
})
