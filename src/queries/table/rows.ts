import { onRun } from '../../db/distributed/at.ts'
import { byLayout } from '../../db/distributed/by-layout.ts'
import { NO_RUN } from '../../db/distributed/layout.ts'
import * as d from '../../db/query/decode.ts'
import type { Run } from '../../db/query/query.ts'
import { send } from '../../db/query/send.ts'
import { type Bound, join, raw, type Sql, sql } from '../../db/query/sql.ts'
import { LEAVES_TOTALS_CONDITION } from '../../db/totals.ts'
import { WfstoreError } from '../../error.ts'
import { useInstead } from '../../options.ts'
import {
  isRunOrNone,
  SQL_TYPES,
  type TableDescription,
  type TableField,
} from '../../tables/column.ts'
import { uuidv7 } from '../../uuid.ts'
import { assertSame, compared } from './compare.ts'
import { type Sent, sendable } from './fields.ts'
import { where } from './filter.ts'
import { type List, type ListOptions, type Page, page } from './page.ts'
import { checkOrder, uuidOf } from './validate.ts'

/**
 * The rows of one table. Values are checked before they are sent; an unknown field or filter is an error. Every function
 * can throw WfstoreError `usage` for that, and unreachable, access_denied, database_missing, permission_denied,
 * schema_missing, schema_behind and schema_ahead for the database.
 *
 * Amounts are US dollars. Give a decimal string, or a number, which is rounded to 12 places; rows have exact decimal
 * strings. Times are a Date or RFC 3339 with a zone; rows have RFC 3339 in UTC with microseconds. JSON is any value; rows
 * have its text as PostgreSQL prints it, so that no digit is lost. NULL is null; undefined means not given.
 */
export interface Rows<Row, New, Patch, Filter, Key = string> {
  /**
   * Adds a row. A repeat with the same id changes nothing and returns the existing row.
   * @throws WfstoreError conflict if the existing row has other values
   */
  create: (row: New) => Promise<Row>
  /** @throws WfstoreError not_found */
  get: (id: Key) => Promise<Row>
  /** A page, newest first. @throws WfstoreError usage for a cursor of another list or of other filters */
  list: (options?: Filter & ListOptions<Row>) => Promise<Page<Row>>
  /** Changes the given fields and returns the new row. @throws WfstoreError not_found */
  update: (id: Key, patch: Patch) => Promise<Row>
  /** @throws WfstoreError not_found */
  delete: (id: Key) => Promise<void>
}

/** A table and its rows as they are read. */
export interface RowSource<S extends d.Shape> {
  table: TableDescription
  shape: S
  /** SQL over the row `r` of a field's given value, if the database may store another value. */
  asGiven?: Record<string, string>
}

/** The values of a primary key by field. */
export type RowKey = Record<string, string>

interface Given {
  field: TableField
  value: Sent
}

const TRIES = 5

/** @throws WfstoreError usage, conflict */
export async function insertRow<S extends d.Shape>(
  run: Run,
  source: RowSource<S>,
  row: object,
): Promise<d.RowOf<S>> {
  const { table, shape } = source
  const given = check(table, { [table.id]: uuidv7(Date.now()), ...defined(row) })
  const missing = table.fields.find(
    (field) => isRequired(field) && !given.some((one) => one.field === field),
  )
  if (missing) throw new WfstoreError('usage', `${missing.name} is missing`)
  checkOrder(...spanOf(table, given))
  const columns = given.map(({ field }) => raw(field.column))
  const keys = keyOf(table).map(({ column }) => raw(column))
  const statement = sql`insert into ${named(table)} (${join(columns, ', ')}) select ${join(given.map(typed), ', ')}
    where ${raw(LEAVES_TOTALS_CONDITION)}
    on conflict (${join(keys, ', ')}) do nothing
    returning ${raw(d.selectList(shape, table.alias))}`
  const home = homeField(table)
  const place = String(given.find(({ field }) => field.name === home)?.value ?? NO_RUN)
  const { text, values } = statement
  for (let tried = 1; tried <= TRIES; tried++) {
    const [inserted] = await send(run, { text, values, run: place }, shape)
    if (inserted) return inserted
    const before = await repeated(onRun(run, place), source, given)
    if (before) return before
  }
  throw new WfstoreError('failed', `other sessions keep adding and deleting the ${table.noun}`, {
    hint: 'try again',
  })
}

const isRequired = ({ nullable, hasDefault, writers }: TableField): boolean =>
  !nullable && !hasDefault && writers !== 'wfstore'

const keyOf = ({ key, fields }: TableDescription): TableField[] =>
  key.map((name) => fields.find((field) => field.name === name) as TableField)

const named = ({ name, alias }: TableDescription): Sql => raw(`${name} as ${alias}`)

/** A value with the type of its column. */
const typed = ({ field, value }: Given): Sql =>
  isRunOrNone(field)
    ? sql`coalesce(${value}::uuid, wfstore_no_run())`
    : sql`${value}::${raw(SQL_TYPES[field.type])}`

/** The field whose value decides the shard of a row in a distributed store. */
const homeField = ({ fields, id }: TableDescription): string =>
  fields.some(({ name }) => name === 'executionId') ? 'executionId' : id

/** A statement for the row with this key. */
function at({ text, values }: Sql, table: TableDescription, key: RowKey): Bound {
  const run = key[homeField(table)]
  if (run !== undefined) return { text, values, run }
  const runOf = sql`select execution_id as run from ${named(table)} ${where(keyed(table, key))}`
  return { text, values, runOf }
}

/** The existing row, if it has the given values. @throws WfstoreError conflict */
async function repeated<S extends d.Shape>(
  run: Run,
  source: RowSource<S>,
  given: Given[],
): Promise<d.RowOf<S> | undefined> {
  const { table, shape, asGiven = {} } = source
  const storedOf = (field: TableField) =>
    isRunOrNone(field)
      ? d.valueSql(field.name, shape[field.name] ?? d.text(), 'r')
      : `r.${field.column}`
  const fields = given.map(({ field, value }) =>
    compared(field.type, field.name, asGiven[field.name] ?? storedOf(field), value),
  )
  const key = Object.fromEntries(
    given
      .filter(({ field }) => table.key.includes(field.name))
      .map(({ field, value }) => [field.name, String(value)]),
  )
  const from = sql`(select ${raw(table.alias)}.* from ${named(table)} ${where(keyed(table, key))}) as r`
  await assertSame(run, called(table, key), from, fields)
  return findRow(run, source, key)
}

/** @throws WfstoreError not_found */
export async function getRow<S extends d.Shape>(
  run: Run,
  source: RowSource<S>,
  key: RowKey,
): Promise<d.RowOf<S>> {
  const row = await findRow(run, source, key)
  if (row) return row
  throw missing(source.table, key)
}

async function findRow<S extends d.Shape>(
  run: Run,
  { table, shape }: RowSource<S>,
  key: RowKey,
): Promise<d.RowOf<S> | undefined> {
  const [row] = await run(
    sql`select ${raw(d.selectList(shape, table.alias))} from ${named(table)} ${where(keyed(table, key))}`,
    shape,
  )
  return row
}

/** @throws WfstoreError usage, not_found */
export async function updateRow<S extends d.Shape>(
  run: Run,
  source: RowSource<S>,
  key: RowKey,
  patch: object,
): Promise<d.RowOf<S>> {
  const { table, shape } = source
  const conditions = keyed(table, key)
  const given = check(table, defined(patch), true)
  const [start, end] = spanOf(table, given)
  checkOrder(start, end)
  if (given.length === 0) return getRow(run, source, key)
  // If only one of both is given, it must fit the other one in the row.
  if (start !== null && !isGiven(given, 'endTime')) {
    conditions.push(sql`(${raw(table.alias)}.end_time >= ${start}::timestamptz) is not false`)
  }
  if (end !== null && !isGiven(given, 'startTime')) {
    conditions.push(sql`(${raw(table.alias)}.start_time <= ${end}::timestamptz) is not false`)
  }
  const moved = given.find(({ field }) => field.name === 'executionId')
  // A distributed store cannot change the execution, which would move the row to another shard.
  const update = (stays: Given[]) => {
    const sets = given.map((one) => {
      const column = raw(one.field.column)
      return sql`${column} = ${stays.includes(one) ? column : typed(one)}`
    })
    const same = stays.map((one) => sql`${raw(table.alias)}.execution_id = ${typed(one)}`)
    return sql`update ${named(table)} set ${join(sets, ', ')}
    ${where([...conditions, ...same, raw(LEAVES_TOTALS_CONDITION)])} returning ${raw(d.selectList(shape, table.alias))}`
  }
  const statement = byLayout((layout) =>
    at(update(layout === 'single' || !moved ? [] : [moved]), table, key),
  )
  for (let tried = 1; tried <= TRIES; tried++) {
    const [updated] = await run(statement, shape)
    if (updated) return updated
    const { startTime = null, endTime = null, ...row } = await getRow<d.Shape>(run, source, key)
    checkOrder(start ?? (startTime as string | null), end ?? (endTime as string | null))
    if (moved && tried === TRIES && row.executionId !== moved.value)
      throw new WfstoreError(
        'conflict',
        `executionId of ${called(table, key)} is fixed in a distributed store`,
        { hint: 'leave it out' },
      )
  }
  throw new WfstoreError('failed', `other sessions keep changing ${called(table, key)}`, {
    hint: 'try again',
  })
}

/** @throws WfstoreError not_found */
export async function deleteRow(run: Run, table: TableDescription, key: RowKey): Promise<void> {
  const statement = sql`delete from ${named(table)} ${where(keyed(table, key))} returning true as deleted`
  const deleted = await run(at(statement, table, key), { deleted: d.boolean() })
  if (deleted.length === 0) throw missing(table, key)
}

const keyed = (table: TableDescription, key: RowKey): Sql[] =>
  keyOf(table).map(({ name, column }) => {
    const id = uuidOf(name, key[name] as string)
    return sql`${raw(`${table.alias}.${column}`)} = ${id}::uuid`
  })

/** The value to send for each given field. @throws WfstoreError usage */
function check(
  { fields, noun }: TableDescription,
  row: Record<string, unknown>,
  exists = false,
): Given[] {
  const free = fields.filter(
    ({ writers }) => writers === 'all' || (writers === 'create' && !exists),
  )
  return Object.entries(row).map(([name, value]) => {
    const field = free.find((one) => one.name === name)
    if (field) return { field, value: sendable(field, name, value) }
    const fixed = fields.some((one) => one.name === name && one.writers === 'create')
    throw new WfstoreError(
      'usage',
      fixed
        ? `field ${name} of ${noun} cannot be changed`
        : `field ${name} of ${noun} does not exist`,
      {
        hint: useInstead(
          name,
          free.map((one) => one.name),
        ),
      },
    )
  })
}

function defined(row: object): Record<string, unknown> {
  if (typeof row !== 'object' || row === null || Array.isArray(row))
    throw new WfstoreError('usage', 'the row is not an object')
  return Object.fromEntries(Object.entries(row).filter(([, value]) => value !== undefined))
}

const isGiven = (given: Given[], name: string) => given.some(({ field }) => field.name === name)

/** The given start and end. */
function spanOf({ span }: TableDescription, given: Given[]): [string | null, string | null] {
  const timeIn = (name: string | undefined) =>
    (given.find(({ field }) => field.name === name)?.value as string | undefined) ?? null
  return [timeIn(span?.[0]), timeIn(span?.[1])]
}

const called = ({ noun, id }: TableDescription, key: RowKey) => `${noun} ${key[id]}`

const missing = (table: TableDescription, key: RowKey) =>
  new WfstoreError('not_found', `${called(table, key)} does not exist`, {
    hint: 'it may have been deleted, or removed by a cleanup',
  })

/** The functions of a table with one id as its key. */
export const rowsOf = <S extends d.Shape, New extends object, Filter extends object>(
  source: RowSource<S>,
  list: List<S, Filter>,
) => {
  const { table } = source
  return (read: Run, write: Run) => ({
    create: (row: New) => insertRow(write, source, row),
    get: (id: string) => getRow(read, source, { [table.id]: id }),
    list: (options: Filter & ListOptions<d.RowOf<S>> = {} as Filter) => page(read, list, options),
    update: (id: string, patch: object) => updateRow(write, source, { [table.id]: id }, patch),
    delete: (id: string) => deleteRow(write, table, { [table.id]: id }),
  })
}
