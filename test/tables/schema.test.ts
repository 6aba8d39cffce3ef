import { describe, expect, it } from 'vitest'
import { readExpected } from '../../src/db/verify/snapshot.ts'
import { SQL_TYPES, type TableDescription, type TableField } from '../../src/tables/column.ts'
import { auditHistory, historyColumns, usageHistory } from '../../src/tables/histories.ts'
import { TABLES } from '../../src/tables/tables.ts'

const expected = await readExpected()

/** Names of types as the catalog has them. */
const CATALOG: Record<string, string> = { timestamptz: 'timestamp with time zone' }
const typeOf = (type: TableField['type']) => CATALOG[SQL_TYPES[type]] ?? SQL_TYPES[type]

const columnsOf = (table: string) => expected.columns.filter(({ tableName }) => tableName === table)
const constraintsOf = (table: string, kind: string) =>
  expected.constraints.filter((one) => one.tableName === table && one.kind === kind)

/** '{}' of '{}'::jsonb */
const bareDefault = (value: string | null) => value?.replace(/::\w+$/, '') ?? null

/** What a description says of each column, by the names of the catalog. */
const described = ({ fields }: TableDescription) =>
  fields.map(({ column, type, nullable, hasDefault, default: byDefault }) => ({
    name: column,
    type: typeOf(type),
    notNull: !nullable,
    defaultValue: byDefault ?? null,
    hasDefault,
  }))

const inDatabase = (table: string) =>
  columnsOf(table).map(({ name, type, notNull, defaultValue }) => ({
    name,
    type,
    notNull,
    defaultValue: bareDefault(defaultValue),
    hasDefault: defaultValue !== null,
  }))

describe.each(
  Object.values(TABLES).map((table): [string, TableDescription] => [table.name, table]),
)('%s', (name, table) => {
  it('is described with the columns, types, nullability and defaults that the migrations make', () => {
    expect(described(table)).toEqual(inDatabase(name))
  })

  it('has the primary key of its description', () => {
    const [primary] = constraintsOf(name, 'p')
    const columns = table.key.map((key) => table.fields.find((one) => one.name === key)?.column)
    expect(JSON.parse(primary?.columns ?? '[]')).toEqual(columns)
  })

  it('checks the values that its description lists, and no others', () => {
    const checks = constraintsOf(name, 'c').filter(
      ({ name }) => !/_(finite|month|tags_check)$/.test(name),
    )
    const checked = checks.map(({ columns, definition }) => ({
      columns: JSON.parse(columns),
      values: [...definition.matchAll(/'([^']*)'::text/g)].map(([, value]) => value),
    }))
    const listed = table.fields.flatMap(({ column, values }) =>
      values ? [{ columns: [column], values: [...values] }] : [],
    )
    const byColumn = (checks: typeof checked) =>
      checks.toSorted((a, b) => `${a.columns}`.localeCompare(`${b.columns}`))
    expect(byColumn(checked)).toEqual(byColumn(listed))
  })

  it('refuses NaN and infinity in every amount and every time', () => {
    const finite = constraintsOf(name, 'c').find((check) => check.name === `${name}_finite`)
    const bounded = inDatabase(name).filter(({ type }) => /^(numeric|timestamp)/.test(type))
    expect((JSON.parse(finite?.columns ?? '[]') as string[]).sort()).toEqual(
      bounded.map((column) => column.name).sort(),
    )
  })
})

it.each([usageHistory, auditHistory])(
  '$name is described with the columns that it has',
  (history) => {
    const columns = inDatabase(history.name).filter(({ name }) => name !== 'history_id')
    expect(history.columns.map(({ column, type }) => [column, typeOf(type)])).toEqual(
      columns.map(({ name, type }) => [name, type]),
    )
    expect(historyColumns(history)).toEqual(columns.map(({ name }) => name))
    expect(columns.every(({ notNull }) => notNull)).toBe(true)
  },
)

it('every column of a removed row that a history needs is one of its table', () => {
  for (const { kind, columns } of [usageHistory, auditHistory]) {
    const known = TABLES[kind].fields.map(({ column }) => column)
    expect(columns.flatMap(({ needs }) => needs).filter((name) => !known.includes(name))).toEqual(
      [],
    )
  }
})

it('what an application may have under the same name begins with wfstore_: all but the five tables, their histories and views', () => {
  const plain = [
    ...Object.values(TABLES).map(({ name }) => name),
    ...[usageHistory, auditHistory].map(({ name }) => name),
  ]
  const others = expected.tables.map(({ name }) => name).filter((name) => !plain.includes(name))
  const functions = expected.functions.map(({ name }) => name)
  expect([...others, ...functions].filter((name) => !name.startsWith('wfstore_'))).toEqual([])
  expect(others.length).toBeGreaterThan(2)
})
