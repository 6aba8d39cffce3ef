import { createHash } from 'node:crypto'
import zlib from 'node:zlib'
import type { FileMetaData } from 'hyparquet'
import { describe } from '../../../db/query/errors.ts'
import { WfstoreError } from '../../../error.ts'
import { Fault } from '../verify/report.ts'
import { type FileLayout, LAYOUT, MOST_ROWS } from './layout.ts'
import { lineOf } from './row.ts'
import { decode, type ParquetValue, unscaledOf } from './types.ts'

/** How far a row group may expand: wfstore writes groups of 32 MiB of lines, or of one line of at most 500 MiB. */
const MOST_GROUP_BYTES = 1024 * 1024 * 1024
const CHUNK_LENGTH = 256 * 1024

/** The lines of a Parquet file, as the cleanup wrote them. @throws Fault if it is damaged */
export async function* linesOfParquet(path: string, lines: number, sha256: string) {
  const hash = createHash('sha256')
  let text = ''
  const take = () => {
    const chunk = Buffer.from(text)
    hash.update(chunk)
    text = ''
    return chunk
  }
  let rows = 0
  for await (const line of parquetLines(path)) {
    text += `${line}\n`
    rows++
    if (text.length >= CHUNK_LENGTH) yield take()
  }
  if (text !== '') yield take()
  if (rows !== lines) throw new Fault(`has ${rows} rows, not ${lines}`)
  if (hash.digest('hex') !== sha256) throw new Fault('is damaged: its rows are not its lines')
}

async function* parquetLines(path: string): AsyncGenerator<string> {
  const { asyncBufferFromFile, parquetMetadataAsync, parquetRead } = await import('hyparquet')
  try {
    const file = await asyncBufferFromFile(path)
    const metadata = await parquetMetadataAsync(file)
    const layout = layoutOf(metadata)
    const { row_groups: groups, schema } = metadata
    assertColumns(metadata, layout)
    // The library would round decimals.
    const plain = schema.map((element) =>
      element.converted_type === 'DECIMAL' ? { ...element, converted_type: undefined } : element,
    )
    let rowStart = 0
    for (const group of groups) {
      const rowEnd = rowStart + Number(group.num_rows)
      if (rowEnd - rowStart > MOST_ROWS || group.total_byte_size > MOST_GROUP_BYTES)
        throw new Fault('has a row group that is too large')
      let rows: ParquetValue[][] = []
      await parquetRead({
        file,
        metadata: { ...metadata, schema: plain } as FileMetaData,
        rowStart,
        rowEnd,
        compressors: { GZIP: (data, length) => gunzip(data, length) },
        parsers: PARSERS,
        onComplete: (found) => {
          rows = found as unknown as ParquetValue[][]
        },
      })
      for (const row of rows) yield lineOfRow(layout, row)
      rowStart = rowEnd
    }
  } catch (error) {
    if (error instanceof WfstoreError || error instanceof Fault) throw error
    throw new Fault(`cannot be read as Parquet: ${describe(error).message}`)
  }
}

/** The library ends the process if a column that it does not look for is damaged. */
function assertColumns({ schema, row_groups }: FileMetaData, layout: FileLayout): void {
  const { columns, exact, references } = layout
  const wanted = JSON.stringify([...columns.map(({ name }) => name), exact, references])
  const [root, ...elements] = schema
  const names = elements.map(({ name, num_children }) => (num_children ? undefined : name))
  const groups = row_groups.map((group) => group.columns.map((each) => each.meta_data))
  const isRight =
    root?.num_children === elements.length &&
    [names, ...groups.map((group) => group.map((each) => each?.path_in_schema.join('.')))].every(
      (found) => JSON.stringify(found) === wanted,
    )
  if (!isRight) throw new Fault('has other columns than its layout')
}

const gunzip = (data: Uint8Array, maxOutputLength: number) =>
  zlib.gunzipSync(data, { maxOutputLength: Math.max(1, maxOutputLength) })

const textOf = (bytes: Uint8Array) =>
  bytes && Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString()

const PARSERS = {
  stringFromBytes: textOf,
  jsonFromBytes: textOf,
  timestampFromMicroseconds: (micros: bigint) => micros,
  uuidFromBytes: (bytes: Uint8Array) =>
    bytes &&
    Buffer.from(bytes)
      .toString('hex')
      .replace(/(.{8})(.{4})(.{4})(.{4})(.{12})/, '$1-$2-$3-$4-$5'),
}

/** How the lines of a Parquet file are made of its rows. @throws Fault */
export async function readLayout(path: string): Promise<FileLayout> {
  const { asyncBufferFromFile, parquetMetadataAsync } = await import('hyparquet')
  try {
    return layoutOf(await parquetMetadataAsync(await asyncBufferFromFile(path)))
  } catch (error) {
    if (error instanceof Fault) throw error
    throw new Fault(`cannot be read as Parquet: ${describe(error).message}`)
  }
}

function layoutOf(metadata: FileMetaData): FileLayout {
  const text = metadata.key_value_metadata?.find(({ key }) => key === LAYOUT)?.value
  if (text === undefined) throw new Fault('was not written by wfstore')
  return JSON.parse(text)
}

function lineOfRow({ kind, columns }: FileLayout, row: ParquetValue[]): string {
  const [exact, references] = row.slice(columns.length) as (string | null | undefined)[]
  const texts: Record<string, string> = exact == null ? {} : JSON.parse(exact)
  const values = columns.map((column, place) => {
    const { name, stored } = column
    const value = row[place]
    if (value == null) return null
    if (texts[name] !== undefined) return texts[name]
    return decode(stored, stored === 'decimal' ? unscaledOf(value as Uint8Array) : value, column)
  })
  return lineOf(kind, columns, { values, references: references ?? null })
}
