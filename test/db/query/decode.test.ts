import { expect, it } from 'vitest'
import * as d from '../../../src/db/query/decode.ts'

const one = (field: d.Field<unknown>, value: string | null) =>
  d.decodeRows({ value: field }, [{ value }])[0]?.value

it('times become RFC 3339 in UTC with every microsecond, in every time zone of the session', () => {
  expect(one(d.time(), '2026-09-20 09:49:58.38872+00')).toBe('2026-09-20T09:49:58.388720Z')
  expect(one(d.time(), '2026-09-20T09:49:58.38872+00:00')).toBe('2026-09-20T09:49:58.388720Z')
  expect(one(d.time(), '2026-09-20 09:49:54+00')).toBe('2026-09-20T09:49:54.000000Z')
  expect(one(d.time(), '2026-09-20 15:19:58.000001+05:30')).toBe('2026-09-20T09:49:58.000001Z')
  expect(one(d.time(), '2025-12-31 19:30:00.5-04:30')).toBe('2026-01-01T00:00:00.500000Z')
  expect(one(d.time(), '1890-01-01 00:53:28+00:53:28')).toBe('1890-01-01T00:00:00.000000Z')
  expect(one(d.time(), '10000-01-01 01:00:00+01')).toBe('10000-01-01T00:00:00.000000Z')
  expect(one(d.time(), 'infinity')).toBe('infinity')
})

it('amounts keep their digits', () => {
  expect(one(d.amount(), '123456789012345678901234567890.000000100')).toBe(
    '123456789012345678901234567890.000000100',
  )
})

it('a count that a number cannot hold is an error, not another number', () => {
  expect(one(d.count(), '9007199254740991')).toBe(9007199254740991)
  expect(() => one(d.count(), '9007199254740992')).toThrow(
    'column value holds "9007199254740992", which is not a count below 2^53, in the row of value 9007199254740992',
  )
})

it('NULL is null in every kind', () => {
  for (const field of [d.text(), d.time(), d.amount(), d.count(), d.json()])
    expect(one(d.nullable<unknown>(field), null)).toBeNull()
})

const pair = { userId: d.text(), cost: d.amount() }

it('a missing column is an error that names the column and the row, not null', () => {
  expect(() => d.decodeRows(pair, [{ user_id: 'u', cost: '1' }, { user_id: 'v' }])).toThrow(
    'column cost is missing, in the row of user_id v',
  )
  expect(() => d.decodeRows(pair, [{ usr_id: 'u', cost: '1' }])).toThrow(
    'column user_id is missing, in row 1',
  )
  expect(() => one(d.rows(pair), '[["u"]]')).toThrow('column cost is missing')
})

it('NULL in a field that is not nullable is an error that names the column and the row', () => {
  expect(() => d.decodeRows(pair, [{ user_id: 'u', cost: null }])).toThrow(
    'column cost is null and must have a value, in the row of user_id u',
  )
  expect(() => one(d.rows(pair), '[["u", null]]')).toThrow('column cost is null')
})

it('an error of a row keeps its hint', () => {
  const failed = expect.objectContaining({
    code: 'failed',
    hint: expect.stringContaining('verify'),
  })
  expect(() => d.decodeRows(pair, [{ user_id: 'u', cost: null }])).toThrow(failed)
})
