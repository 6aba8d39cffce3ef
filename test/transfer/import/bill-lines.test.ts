import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest'
import type { TestDatabase } from '../../support/database.ts'
import { createMigrated } from '../../support/migrated.ts'
import { EMPTY, exportOf, id, importInto, line } from './support.ts'

let database: TestDatabase
beforeAll(async () => {
  database = await createMigrated('bill_lines')
})
afterAll(() => database.drop())
beforeEach(() => database.sql(EMPTY))

const part = (fields: Record<string, unknown> = {}) => ({
  provider: 'openai',
  modelId: 'gpt',
  meter: 'input',
  quantity: '1000000',
  unitPrice: '2.50',
  cost: '2.50',
  costSource: 'priced',
  ...fields,
})
const bill = (lines: unknown, fields: Record<string, unknown> = {}) =>
  line
    .bill({ tokensInput: 1_000_000, tokensTotal: 1_000_000, cost: '2.5', ...fields })
    .replace(/\}\n$/, `,"lines":${JSON.stringify(lines)}}\n`)

const linesIn = () =>
  database.sql(
    `select provider, model_id as "modelId", meter, quantity::text, unit_price::text as "unitPrice", cost::text, cost_source as "costSource"
     from wfstore_bill_lines order by meter`,
  )

it('the lines of a bill are imported as they are, once, and exported with it', async () => {
  const text = bill([part()])
  expect(await importInto(database, text)).toMatchObject({ repeated: 0, invalidCount: 0 })
  expect(await linesIn()).toEqual([part()])
  expect(await exportOf(database)).toContain(`"lines":[${JSON.stringify(part())}]}`)
  expect(await importInto(database, text)).toMatchObject({ repeated: 1, invalidCount: 0 })
  expect(await importInto(database, `${text}${text}`)).toMatchObject({ repeated: 2 })
  expect(await linesIn()).toEqual([part()])
})

it('two equal bills in one file have the lines once', async () => {
  const text = bill([part()])
  await importInto(database, `${text}${text}`)
  expect(await linesIn()).toEqual([part()])
})

it('a bill without lines gets those of a bill whose cost was given', async () => {
  await importInto(database, line.bill({ tokensInput: 7, tokensTotal: 10, cost: 0.5 }))
  const given = { provider: null, modelId: 'm', unitPrice: null, costSource: 'given' }
  expect(await linesIn()).toEqual([
    { ...given, meter: 'given', quantity: null, cost: '0.5' },
    { ...given, meter: 'input', quantity: '7', cost: '0' },
    { ...given, meter: 'tokens', quantity: '3', cost: '0' },
  ])
})

it('a repeated bill with other lines is invalid, and the store keeps its lines', async () => {
  await importInto(database, bill([part()]))
  for (const other of [{ modelId: 'other' }, { unitPrice: '3' }, { costSource: 'given' }])
    await expect(importInto(database, bill([part(other)]))).rejects.toMatchObject({
      message: `line 1: bill ${id(3)} has other lines in the store`,
    })
  expect(await linesIn()).toEqual([part()])
})

it.each<[string, unknown[]]>([
  ['lines that do not add up to it', [part({ cost: '2.4' })]],
  ['lines that do not add up to it', [part({ quantity: '999999' })]],
  ['lines that do not add up to it', []],
  ['meter of a line of the bill is "words"', [part({ meter: 'words' })]],
  ['cost of a line of the bill is "NaN"', [part({ cost: 'NaN' })]],
  ['quantity of a line of the bill is 5', [part({ quantity: 5 })]],
  ['a line of a bill has no field "x"', [part({ x: 1 })]],
])('%s: the bill is invalid', async (reason, lines) => {
  await expect(importInto(database, bill(lines))).rejects.toMatchObject({
    message: expect.stringContaining(reason),
  })
  expect(await importInto(database, bill(lines), { skipInvalid: true })).toMatchObject({
    invalidCount: 1,
  })
  expect(await database.sql('select from billing_records')).toEqual([])
})

it('only a bill has lines', async () => {
  const text = line.execution().replace(/\}\n$/, ',"lines":[]}\n')
  await expect(importInto(database, text)).rejects.toMatchObject({
    message: 'line 1: has the key lines, which only a bill has',
  })
})
