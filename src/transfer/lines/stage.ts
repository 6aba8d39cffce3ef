import type pg from 'pg'
import { KINDS, type RowKind } from '../../tables/tables.ts'
import { appendRow, type Chunk, createChunk, hasRoom, rowsOf } from './chunk.ts'
import { copyIn } from './copy.ts'
import { inHalves } from './halves.ts'
import { Invalid, type InvalidLines } from './invalid.ts'
import { REFERENCES } from './line.ts'
import { copyRow, escaped, type ParsedLine, parseLine } from './parse.ts'
import type { Line } from './read.ts'
import { copyIntoStage, createStage, indexStage, type Staged } from './staged.ts'
import type { LineTable, LineTables } from './table.ts'

export interface StageOptions {
  client: pg.ClientBase
  tables: LineTables
  invalid: InvalidLines
  /** One invalid line is enough: send no other. */
  enough: () => boolean
  /** Takes what only an archive has. */
  fromArchive?: boolean
  /** Which lines are rows. */
  isRow?: (text: string) => boolean
  /** @throws Invalid if the values are not allowed */
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

/** The rows of a kind, and those of them that have not been sent. */
interface Waiting extends Staged {
  chunk: Chunk | undefined
}

/**
 * Sends rows by COPY, a chunk at a time, into a staging table for each kind. While the server reads a chunk, the next one
 * is prepared. A line that only PostgreSQL can know to be wrong becomes invalid.
 */
export async function stageLines(
  source: AsyncIterable<Line[]>,
  options: StageOptions,
): Promise<StagedLines> {
  const { client, invalid, enough, progress } = options
  const kinds = new Map<RowKind, Waiting>()
  let sending: Promise<void> = Promise.resolve()

  const send = async (rows: Waiting) => {
    const { table, chunk } = rows
    rows.chunk = undefined
    await sending
    if (!chunk) return
    sending = inHalves(client, 0, chunk.lines.length - 1, {
      try: async (first, last) => {
        await copyIn(client, copyIntoStage(table), rowsOf(chunk, first, last))
        return last - first + 1
      },
      refuse: (at, reason) => invalid.add([{ line: chunk.lines[at] as number, reason }]),
      enough,
    }).then((taken) => {
      rows.rows += taken
    })
    // Its error is thrown where it is awaited.
    sending.catch(() => {})
  }
  const kindOf = async (table: LineTable): Promise<Waiting> => {
    const absent = table.lineColumns.map(() => 0)
    const rows = { table, rows: 0, lines: 0, absent, chunk: undefined }
    kinds.set(table.kind, rows)
    await sending
    await client.query(createStage(table))
    return rows
  }

  let [read, last] = [0, 0]
  try {
    for await (const lines of source) {
      for (const line of lines) {
        read++
        last = line.number
        // The rest is read as well, to say how many lines are invalid.
        const row = rowOf(line, options)
        if (!row) continue
        const rows = kinds.get(row.table.kind) ?? (await kindOf(row.table))
        if (rows.chunk && !hasRoom(rows.chunk, row.text)) await send(rows)
        rows.chunk ??= createChunk(row.text)
        appendRow(rows.chunk, line.number, row.text)
        countAbsent(rows, row.absent)
      }
      progress(read)
    }
    for (const rows of kinds.values()) await send(rows)
    await sending
  } catch (error) {
    // The connection is free only when the last COPY has ended.
    await sending.catch(() => {})
    throw error
  }
  const staged = KINDS.flatMap((kind) => kinds.get(kind) ?? []).filter(({ rows }) => rows > 0)
  if (staged.length > 0) await client.query(staged.map(indexStage).join('; '))
  return { read, last, staged }
}

/** A row as COPY reads it; undefined if the line is not a row, or is invalid. */
function rowOf(
  { number, text, reason }: Line,
  { tables, fromArchive, isRow, check, invalid }: StageOptions,
): { table: LineTable; text: string; absent: number[] } | undefined {
  try {
    if (text === undefined) throw new Invalid(reason)
    if (isRow?.(text) === false) return undefined
    const line = parseLine(text, tables, { exact: fromArchive })
    if (line.references !== undefined && !fromArchive)
      throw new Invalid(
        `"${REFERENCES}" is only in an archive: run \`wfstore restore\`, or leave it out`,
      )
    check?.(line)
    const { values, absent } = copyRow(line)
    const left = absent.length > 0 ? `{${absent}}` : '\\N'
    const follows =
      line.references ?? (line.lines === undefined ? undefined : JSON.stringify(line.lines))
    const references = follows === undefined ? '\\N' : escaped(follows)
    return { table: line.table, text: `${number}\t${left}\t${references}${values}\n`, absent }
  } catch (error) {
    if (!(error instanceof Invalid)) throw error
    invalid.add([{ line: number, reason: error.message }])
    return undefined
  }
}

function countAbsent(rows: Waiting, absent: readonly number[]): void {
  rows.lines++
  for (const place of absent) rows.absent[place] = (rows.absent[place] as number) + 1
}
