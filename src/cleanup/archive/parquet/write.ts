import type { FileHandle } from 'node:fs/promises'
import zlib from 'node:zlib'
import { MOST_LONGEST } from '../../../transfer/lines/longest.ts'
import { readLines } from '../../../transfer/lines/read.ts'
import type { ArchiveColumn, Cleaned } from '../../types.ts'
import { Fault } from '../verify/report.ts'
import { writeAll } from '../write/data-file.ts'
import { type FileLayout, LAYOUT, MOST_ROWS } from './layout.ts'
import { type ColumnPlan, createPlan, type FileColumn } from './plan.ts'
import { columnsOf, type LineTexts, type RowColumn, textsOf } from './row.ts'
import { decode, elementOf, encode, type ParquetValue } from './types.ts'

/** A row group ends at this number of characters of lines, too. The reader has one group in memory. */
const GROUP_LENGTH = 32 * 1024 * 1024

async function* linesOf(content: AsyncIterable<Buffer>): AsyncGenerator<string> {
  for await (const lines of readLines(content, MOST_LONGEST)) {
    for (const { number, text, reason } of lines) {
      if (text === undefined) throw new Fault(`has a line that cannot be read: ${number} ${reason}`)
      yield text
    }
  }
}

/** Reads the lines of one kind and chooses the types for them. @throws Fault if they are not lines of an archive */
export async function planLayout(
  kind: Cleaned,
  content: AsyncIterable<Buffer>,
  archived: ArchiveColumn[],
): Promise<FileLayout> {
  let columns: RowColumn[] | undefined
  let plan: ColumnPlan = createPlan([])
  for await (const line of linesOf(content)) {
    assertLine(kind, line)
    if (!columns) {
      columns = columnsOf(kind, line, archived)
      plan = createPlan(columns)
    }
    plan.add(textsOf(kind, line, columns))
  }
  const names = new Set(columns?.map(({ name }) => name.toLowerCase()))
  const free = (name: string): string => (names.has(name) ? free(`${name}_`) : name)
  return {
    kind,
    columns: plan.columns(),
    exact: free('wfstore_exact'),
    references: free('wfstore_references'),
  }
}

function assertLine(kind: Cleaned, line: string): void {
  try {
    const { [kind]: row } = JSON.parse(line)
    if (typeof row === 'object' && row !== null && !Array.isArray(row)) return
  } catch {
    // The message below says it.
  }
  throw new Fault(`has a line that is not of one ${kind}`)
}

/** Writes the lines to a Parquet file, with statistics for each row group. @returns the number of rows */
export async function writeParquet(
  handle: FileHandle,
  content: AsyncIterable<Buffer>,
  layout: FileLayout,
): Promise<number> {
  const { ByteWriter, ParquetWriter } = await import('hyparquet-writer')
  const { kind, columns } = layout
  const writer = new ByteWriter()
  const file = new ParquetWriter({
    writer,
    schema: schemaOf(layout),
    codec: 'GZIP',
    compressors: { GZIP: (data) => zlib.gzipSync(data) },
    kvMetadata: [{ key: LAYOUT, value: JSON.stringify(layout) }],
    createdBy: 'wfstore',
  })
  let position = 0
  let rows = 0
  let group = newGroup(layout)
  let length = 0
  const flush = async () => {
    await writeAll(handle, Buffer.from(writer.getBytes()), position)
    position += writer.index
    writer.index = 0
  }
  const writeGroup = async () => {
    if (group[0]?.data.length === 0) return
    await file.write({ columnData: group, rowGroupSize: MOST_ROWS })
    await flush()
    group = newGroup(layout)
    length = 0
  }
  for await (const line of linesOf(content)) {
    addRow(group, columns, textsOf(kind, line, columns))
    length += line.length
    rows++
    if (group[0]?.data.length === MOST_ROWS || length >= GROUP_LENGTH) await writeGroup()
  }
  await writeGroup()
  // The library would write JSON of the JSON text. Only this name of the type makes it JSON in DuckDB.
  file.schema = file.schema.map((element) =>
    element.logical_type?.type === 'JSON' ? { ...element, converted_type: 'JSON' } : element,
  )
  await file.finish()
  await flush()
  return rows
}

const optional = { repetition_type: 'OPTIONAL' } as const

function schemaOf({ columns, exact, references }: FileLayout) {
  const ours = [exact, references].map((name) => ({ name, ...elementOf('json', 0), ...optional }))
  const elements = columns.map(({ name, stored, scale }) => ({
    name,
    ...elementOf(stored, scale),
    ...optional,
  }))
  return [{ name: 'root', num_children: columns.length + 2 }, ...elements, ...ours]
}

/** No statistics of JSON: they would be whole documents. */
const newGroup = ({ columns, exact, references }: FileLayout) => [
  ...columns.map(({ name, stored }) => ({
    name,
    data: [] as (ParquetValue | null)[],
    statistics: stored !== 'json' && stored !== 'raw',
  })),
  ...[exact, references].map((name) => ({
    name,
    data: [] as (ParquetValue | null)[],
    statistics: false,
  })),
]

function addRow(
  group: ReturnType<typeof newGroup>,
  columns: readonly FileColumn[],
  { values, references }: LineTexts,
): void {
  let exact: Record<string, string> | undefined
  for (let place = 0; place < columns.length; place++) {
    const column = columns[place] as FileColumn
    const text = values[place] ?? null
    const value = text === null ? null : encode(column.stored, text, column.scale)
    if (value === undefined) throw new Fault(`changed: ${column.name} has another value`)
    if (text !== null && isChanged(column, text, value as ParquetValue)) {
      exact ??= {}
      exact[column.name] = text
    }
    group[place]?.data.push(value)
  }
  group.at(-2)?.data.push(exact ? Buffer.from(JSON.stringify(exact)) : null)
  group.at(-1)?.data.push(references === null ? null : Buffer.from(references))
}

/** Whether the usual text of the value is another one. */
const isChanged = (column: FileColumn, text: string, value: ParquetValue): boolean =>
  !(value instanceof Uint8Array) && value !== text && decode(column.stored, value, column) !== text
