import type pg from 'pg'
import { KINDS, type RowKind } from '../../tables/tables.ts'
import { copyIn } from './copy.ts'
import { inHalves } from './halves.ts'
import { Invalid, type InvalidLines } from './invalid.ts'
import { copyRow, type ParsedLine, parseLine } from './parse.ts'
import type { Line } from './read.ts'
import type { LineColumn, LineTable, LineTables } from './table.ts'

/** A column of a staging table. */
export interface StagedColumn extends LineColumn {
  /** Its name there: an application's own name could be one of ours. */
  staged: string
  place: number
  /** How many lines leave it out: none, all, or some of them. */
  absent: 'none' | 'all' | 'some'
}

/** The rows of a kind that wait until all lines have come. They go with the transaction. */
export interface Staged {
  table: LineTable
  name: string
  columns: readonly StagedColumn[]
  /** What the server took. */
  rows: number
}

interface Waiting {
  table: LineTable
  created: boolean
  lines: string[]
  numbers: number[]
  size: number
  rows: number
  sent: number
  /** By the place of the column, how many lines leave it out. */
  absent: number[]
}

const CHUNK = 1024 * 1024

export interface StageOptions {
  client: pg.ClientBase
  tables: LineTables
  invalid: InvalidLines
  /** One invalid line is enough: send no other. */
  enough: () => boolean
  /** Which lines are rows. */
  isRow?: (text: string) => boolean
  /** @throws Invalid where the values are not allowed */
  check?: (line: ParsedLine) => void
  /** Called with how many lines have been read. */
  progress: (read: number) => void
}

export interface StagedLines {
  read: number
  /** The number of the last line. */
  last: number
  staged: Staged[]
}

/**
 * Sends rows by COPY, a chunk at a time, into a table for each kind whose columns have the types of the real ones. While
 * the server reads a chunk, the next is prepared. A line that only PostgreSQL can know to be wrong becomes invalid.
 */
export async function stageLines(
  source: AsyncIterable<Line[]>,
  options: StageOptions,
): Promise<StagedLines> {
  const { client, tables, invalid, enough, isRow = () => true, check, progress } = options
  const waiting = new Map<RowKind, Waiting>()
  let sending: Promise<void> = Promise.resolve()

  const flush = async (rows: Waiting) => {
    const { table, lines, numbers } = rows
    rows.lines = []
    rows.numbers = []
    rows.size = 0
    await sending
    if (lines.length === 0) return
    if (!rows.created) await client.query(createOf(table))
    rows.created = true
    sending = inHalves(client, 0, lines.length - 1, {
      try: async (first, last) => {
        await copyIn(client, copyInto(table), lines.slice(first, last + 1).join(''))
        return last - first + 1
      },
      refuse: (at, reason) => invalid.add([{ line: numbers[at] as number, reason }]),
      enough,
    }).then((taken) => {
      rows.rows += taken
    })
    // Its error is thrown where it is awaited next.
    sending.catch(() => {})
  }
  const add = async ({ number, text, reason }: Line) => {
    try {
      if (text === undefined) throw new Invalid(reason)
      if (!isRow(text)) return
      const line = parseLine(text, tables)
      check?.(line)
      const rows = waitingFor(waiting, line.table)
      const size = addRow(rows, number, line)
      if (size >= CHUNK) await flush(rows)
    } catch (error) {
      if (!(error instanceof Invalid)) throw error
      invalid.add([{ line: number, reason: error.message }])
    }
  }

  let [read, last] = [0, 0]
  try {
    for await (const lines of source) {
      for (const line of lines) {
        read++
        last = line.number
        // The rest is read as well, to say how many lines are invalid.
        await add(line)
      }
      progress(read)
    }
    for (const rows of waiting.values()) await flush(rows)
    await sending
  } catch (error) {
    // The connection is free only when what was sent has ended.
    await sending.catch(() => {})
    throw error
  }
  const staged = KINDS.flatMap((kind) => {
    const rows = waiting.get(kind)
    return rows && rows.rows > 0 ? [stagedOf(rows)] : []
  })
  if (staged.length > 0) await client.query(staged.map(prepareOf).join('; '))
  return { read, last, staged }
}

function waitingFor(waiting: Map<RowKind, Waiting>, table: LineTable): Waiting {
  const found = waiting.get(table.kind)
  if (found) return found
  const absent = table.lineColumns.map(() => 0)
  const rows = { table, created: false, lines: [], numbers: [], size: 0, rows: 0, sent: 0, absent }
  waiting.set(table.kind, rows)
  return rows
}

/** @returns how many characters wait */
function addRow(rows: Waiting, number: number, line: ParsedLine): number {
  const { values, absent } = copyRow(line)
  rows.lines.push(`${number}\t${absent.length > 0 ? `{${absent}}` : '\\N'}${values}\n`)
  rows.numbers.push(number)
  for (const place of absent) rows.absent[place] = (rows.absent[place] as number) + 1
  rows.sent++
  rows.size += values.length
  return rows.size
}

const nameOf = ({ kind }: LineTable) => `pg_temp.wfstore_${kind}_lines`
const stagedName = (place: number) => `c${place}`

function createOf(table: LineTable): string {
  const columns = table.lineColumns.map(
    ({ type, collation }, place) => `${stagedName(place)} ${type} ${collation}`,
  )
  return `create temporary table ${nameOf(table).replace('pg_temp.', '')} (
    line bigint not null, absent smallint[], ${columns.join(', ')}) on commit drop`
}

function copyInto(table: LineTable): string {
  const columns = table.lineColumns.map((_, place) => stagedName(place))
  return `copy ${nameOf(table)} (line, absent, ${columns.join(', ')}) from stdin`
}

function stagedOf({ table, rows, sent, absent }: Waiting): Staged {
  const columns = table.lineColumns.map((column, place) => ({
    ...column,
    staged: stagedName(place),
    place,
    absent: howMany(absent[place] as number, sent),
  }))
  return { table, name: nameOf(table), columns, rows }
}

const howMany = (count: number, of: number): StagedColumn['absent'] =>
  count === 0 ? 'none' : count === of ? 'all' : 'some'

/** The name of a field's column in the staging table. */
export const stagedField = ({ columns }: Staged, name: string): string =>
  columns.find(({ field }) => field?.name === name)?.staged as string

/** What the statements that follow look for. Of wide columns nothing is asked, and a sample of them takes long. */
function prepareOf({ name, table, columns }: Staged): string {
  const ids = [...table.key, 'executionId']
  const found = columns.filter(({ field }) => field && ids.includes(field.name))
  const names = ['line', ...found.map(({ staged }) => staged)]
  return `create index on ${name} (line); analyze ${name} (${names.join(', ')})`
}

export const dropStaged = (staged: readonly Staged[]): string =>
  staged.map(({ name }) => `drop table ${name}`).join('; ')
