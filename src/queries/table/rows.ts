import * as d from '../../db/query/decode.ts'
import type { Run } from '../../db/query/query.ts'
import { send } from '../../db/query/send.ts'
import { WfstoreError } from '../../error.ts'
import { uuidv7 } from '../../uuid.ts'
import { assertSame } from './compare.ts'
import { compared, type Kind, type Sent, sendable } from './fields.ts'
import { bind, type Where } from './filter.ts'
import { type List, type Page, type PageOptions, page } from './page.ts'
import { checkOrder, uuidOf } from './validate.ts'

/**
 * The rows of one table. What is given is checked before anything is sent; a field or filter that does not exist is
 * refused. Every function may throw WfstoreError `usage` for that, and unreachable, access_denied, database_missing,
 * permission_denied, schema_missing, schema_behind and schema_ahead for the database.
 *
 * Amounts are US dollars: a decimal string, or a number that is taken to 12 places; rows have exact decimal strings.
 * Times are a Date or RFC 3339 with its zone; rows have RFC 3339 in UTC with microseconds. JSON is any value; rows have
 * its text, as PostgreSQL prints it, so that no digit is lost. NULL is null; undefined is as good as not given.
 */
export interface Rows<Row, New, Patch, Filter, Key = string> {
  /**
   * Adds a row. Repeated with the same id it changes nothing, and gives the row that is there.
   * @throws WfstoreError conflict where that row has other values than those given
   */
  create: (row: New) => Promise<Row>
  /** @throws WfstoreError not_found */
  get: (id: Key) => Promise<Row>
  /** A page, newest first. @throws WfstoreError usage for a cursor of another list or of other filters */
  list: (options?: Filter & PageOptions) => Promise<Page<Row>>
  /** Changes the fields that are given and gives the row as it is then. @throws WfstoreError not_found */
  update: (id: Key, patch: Patch) => Promise<Row>
  /** @throws WfstoreError not_found */
  delete: (id: Key) => Promise<void>
}

export interface Table<S extends d.Shape> {
  name: string
  alias: string
  /** What a row is to people: 'execution'. */
  noun: string
  shape: S
  /** Fields of its primary key, all UUIDs; the last is made where it is not given. */
  key: readonly string[]
  required: readonly string[]
  /** Every field that can be written. */
  fields: Record<string, Kind>
  /** SQL over the row `r` of a field as it was given, where the database may have stored it otherwise. */
  asGiven?: Record<string, string>
}

export type Key = Record<string, string>

interface Given {
  field: string
  kind: Kind
  value: Sent
}

const TRIES = 5

/** @throws WfstoreError usage, conflict */
export async function insertRow<S extends d.Shape>(
  run: Run,
  table: Table<S>,
  row: object,
): Promise<d.RowOf<S>> {
  const { name, alias, shape, key, required } = table
  const made = { [key.at(-1) as string]: uuidv7(Date.now()) }
  const given = check(table, { ...made, ...defined(row) })
  const missing = [...key, ...required].find((field) => !given.some((one) => one.field === field))
  if (missing !== undefined) throw new WfstoreError('usage', `${missing} is missing`)
  checkOrder(timeIn(given, 'startTime'), timeIn(given, 'endTime'))
  const columns = given.map(({ field }) => d.columnName(field))
  const places = given.map(({ kind }, index) => `$${index + 1}::${kind.type}`)
  const text = `insert into ${name} as ${alias} (${columns.join(', ')}) values (${places.join(', ')})
    on conflict (${key.map(d.columnName).join(', ')}) do nothing
    returning ${d.selectList(shape, alias)}`
  for (let tried = 1; tried <= TRIES; tried++) {
    const values = given.map(({ value }) => value)
    const [inserted] = await send(run, text, values, shape)
    if (inserted) return inserted
    const before = await repeated(run, table, given)
    if (before) return before
  }
  throw new WfstoreError('failed', `the ${table.noun} is added and deleted all the time`)
}

/** The row that is there already, if it has the values that are given. @throws WfstoreError conflict */
async function repeated<S extends d.Shape>(
  run: Run,
  table: Table<S>,
  given: Given[],
): Promise<d.RowOf<S> | undefined> {
  const values = given.map(({ value }) => value)
  const place = (field: string) => given.findIndex((one) => one.field === field) + 1
  const isKey = table.key.map((field) => `${d.columnName(field)} = $${place(field)}::uuid`)
  const fields = given.map(({ field, kind }, index) =>
    compared(kind, field, table.asGiven?.[field] ?? `r.${d.columnName(field)}`, index + 1),
  )
  const key = Object.fromEntries(
    table.key.map((field) => [field, String(values[place(field) - 1])]),
  )
  const from = `(select * from ${table.name} where ${isKey.join(' and ')}) as r`
  await assertSame(run, called(table, key), from, fields, values)
  return findRow(run, table, key)
}

/** @throws WfstoreError not_found */
export async function getRow<S extends d.Shape>(
  run: Run,
  table: Table<S>,
  key: Key,
): Promise<d.RowOf<S>> {
  const row = await findRow(run, table, key)
  if (row) return row
  throw missing(table, key)
}

async function findRow<S extends d.Shape>(
  run: Run,
  table: Table<S>,
  key: Key,
): Promise<d.RowOf<S> | undefined> {
  const where = keyed(table, key)
  const [row] = await run(
    `select ${d.selectList(table.shape, table.alias)} from ${table.name} ${table.alias}
     where ${where.conditions.join(' and ')}`,
    where.values,
    table.shape,
  )
  return row
}

/** @throws WfstoreError usage, not_found */
export async function updateRow<S extends d.Shape>(
  run: Run,
  table: Table<S>,
  key: Key,
  patch: object,
): Promise<d.RowOf<S>> {
  const where = keyed(table, key)
  const given = check(table, defined(patch), table.key)
  const [start, end] = [timeIn(given, 'startTime'), timeIn(given, 'endTime')]
  checkOrder(start, end)
  if (given.length === 0) return getRow(run, table, key)
  const { alias, shape } = table
  const sets = given.map(
    ({ field, kind, value }) => `${d.columnName(field)} = ${bind(where, value)}::${kind.type}`,
  )
  // Where one of both is given, the other is the row's.
  if (start !== null && !isGiven(given, 'endTime')) {
    const place = bind(where, start)
    where.conditions.push(`(${alias}.end_time >= ${place}::timestamptz) is not false`)
  }
  if (end !== null && !isGiven(given, 'startTime')) {
    const place = bind(where, end)
    where.conditions.push(`(${alias}.start_time <= ${place}::timestamptz) is not false`)
  }
  const text = `update ${table.name} as ${alias} set ${sets.join(', ')}
    where ${where.conditions.join(' and ')} returning ${d.selectList(shape, alias)}`
  for (let tried = 1; tried <= TRIES; tried++) {
    const [updated] = await run(text, where.values, shape)
    if (updated) return updated
    const { startTime = null, endTime = null } = await getRow<d.Shape>(run, table, key)
    checkOrder(start ?? (startTime as string | null), end ?? (endTime as string | null))
  }
  throw new WfstoreError('failed', `${called(table, key)} is changed all the time`)
}

/** @throws WfstoreError not_found */
export async function deleteRow<S extends d.Shape>(
  run: Run,
  table: Table<S>,
  key: Key,
): Promise<void> {
  const where = keyed(table, key)
  const [column] = table.key.map(d.columnName)
  const deleted = await run(
    `delete from ${table.name} as ${table.alias} where ${where.conditions.join(' and ')} returning ${column} as id`,
    where.values,
    { id: d.uuid() },
  )
  if (deleted.length === 0) throw missing(table, key)
}

function keyed<S extends d.Shape>(table: Table<S>, key: Key): Where {
  const where: Where = { conditions: [], values: [] }
  for (const field of table.key) {
    const value = bind(where, uuidOf(field, key[field] as string))
    where.conditions.push(`${table.alias}.${d.columnName(field)} = ${value}::uuid`)
  }
  return where
}

/** What is sent for each field that is given. @throws WfstoreError usage */
function check<S extends d.Shape>(
  { fields, noun }: Table<S>,
  row: Record<string, unknown>,
  fixed: readonly string[] = [],
): Given[] {
  return Object.entries(row).map(([field, value]) => {
    if (!Object.hasOwn(fields, field) || fixed.includes(field)) {
      const free = Object.keys(fields).filter((name) => !fixed.includes(name))
      const why = fixed.includes(field)
        ? `the ${field} of ${noun} stays`
        : `${noun} has no ${field}`
      throw new WfstoreError('usage', why, { hint: `there are ${free.join(', ')}` })
    }
    const kind = fields[field] as Kind
    return { field, kind, value: sendable(kind, field, value) }
  })
}

function defined(row: object): Record<string, unknown> {
  if (typeof row !== 'object' || row === null || Array.isArray(row))
    throw new WfstoreError('usage', 'the fields are not an object')
  return Object.fromEntries(Object.entries(row).filter(([, value]) => value !== undefined))
}

const isGiven = (given: Given[], name: string) => given.some(({ field }) => field === name)

const timeIn = (given: Given[], name: string): string | null =>
  (given.find(({ field }) => field === name)?.value as string | undefined) ?? null

const called = <S extends d.Shape>({ noun, key }: Table<S>, id: Key) =>
  `${noun} ${id[key.at(-1) as string]}`

const missing = <S extends d.Shape>(table: Table<S>, key: Key) =>
  new WfstoreError('not_found', `there is no ${called(table, key)}`, {
    hint: 'it may have been deleted or cleaned up',
  })

/** The functions of a table whose key is one id. */
export const rowsOf = <S extends d.Shape, New extends object, Filter extends object>(
  table: Table<S>,
  list: List<S, Filter>,
) => {
  const id = table.key[0] as string
  return (read: Run, write: Run) => ({
    create: (row: New) => insertRow(write, table, row),
    get: (value: string) => getRow(read, table, { [id]: value }),
    list: (options: Filter & PageOptions = {} as Filter) => page(read, list, options),
    update: (value: string, patch: object) => updateRow(write, table, { [id]: value }, patch),
    delete: (value: string) => deleteRow(write, table, { [id]: value }),
  })
}
