import { afterAll, beforeAll, expect, it } from 'vitest'
import * as d from '../../../src/db/query/decode.ts'
import { query } from '../../../src/db/query/query.ts'
import { bound, constant, empty, join, quote, raw, sql } from '../../../src/db/query/sql.ts'
import { FINISH_STEP } from '../../../src/record/recorder/attempt-statements.ts'
import { createDatabase, type TestDatabase } from '../../support/database.ts'

let database: TestDatabase
beforeAll(async () => {
  database = await createDatabase('sql')
})
afterAll(() => database.drop())

it('a value becomes a placeholder in any piece, and a piece becomes text', () => {
  const later = sql`e.start_time >= ${'2024-12-01'}::timestamptz`
  const names = join([sql`${'a'}`, sql`${'b'}`], ', ')
  const { text, values } =
    sql`select ${raw('e.*')} ${empty}from e where ${later} and name in (${names}) limit ${5}`
  expect(text).toBe(
    'select e.* from e where e.start_time >= $1::timestamptz and name in ($2, $3) limit $4',
  )
  expect(values).toEqual(['2024-12-01', 'a', 'b', 5])
  expect(bound('select 1')).toEqual({ text: 'select 1', values: [] })
})

it('a constant statement has one placeholder for each name and one text for all values', () => {
  const statement = constant<'id' | 'amount'>((v) => {
    const id = sql`${v('id')}::int`
    return sql`select ${v('amount')}::int as a where ${id} > 0 and ${v('amount')}::int > ${id}`
  })
  expect(statement({ id: 7, amount: 9 })).toEqual({
    text: 'select $1::int as a where $2::int > 0 and $1::int > $2::int',
    values: [9, 7],
  })
  expect(statement({ amount: 1, id: 2 })).toMatchObject({ values: [1, 2] })
  // What is prepared under a name must not differ from call to call.
  const texts = [null, 'x'].map((value) => FINISH_STEP(everything(value)).text)
  expect(texts[0]).toBe(texts[1])
})

const everything = (value: unknown) =>
  new Proxy({}, { get: () => value }) as Parameters<typeof FINISH_STEP>[0]

it('the server gets values and quoted names with any content unchanged', async () => {
  const client = await database.connect()
  for (const hostile of [`'; drop table x; --`, `"`, '$1', '\\', 'ü\n']) {
    const [row] = await query(
      client,
      sql`select ${hostile}::text as value, ${raw(quote(hostile))} as name from (select 'n') as t (${raw(quote(hostile))})`,
      { value: d.text(), name: d.text() },
    )
    expect(row).toEqual({ value: hostile, name: 'n' })
  }
  await client.end()
})
