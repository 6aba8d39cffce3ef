import type pg from 'pg'
import { KINDS, type RowKind } from '../../tables/tables.ts'
import { appendRow, type Chunk, createChunk, hasRoom } from './chunk.ts'
import { copyIn } from './copy.ts'
import { type LineCounts, noLines } from './count.ts'
import { stagedRows, writeChunk } from './direct.ts'
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
  /** The kinds whose rows go to their tables at once, as long as the server takes them. Runs go before what belongs to them. */
  direct?: readonly RowKind[]
  /** What follows reads the staging tables as a whole. */
  unindexed?: boolean
  /** Called with each kind when the server has another chunk of it, while the next one is prepared. It may take staged rows away. */
  onStaged?: (rows: Staged) => Promise<void>
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
  /** The rows that are in their tables already. */
  written: LineCounts
}

/** The rows of a kind, and those of them that have not been sent. */
interface Waiting extends Staged {
  chunk: Chunk | undefined
  direct: boolean
  /** There is a staging table. */
  created: boolean
}

/**
 * Sends rows by COPY, a chunk at a time, to their tables or into a staging table for each kind. While the server reads a chunk, the next one
 * is prepared. A line that only PostgreSQL can know to be wrong becomes invalid.
 */
export async function stageLines(
  source: AsyncIterable<Line[]>,
  options: StageOptions,
): Promise<StagedLines> {
  const { client, invalid, enough, progress } = options
  const kinds = new Map<RowKind, Waiting>()
  const written = noLines()
  let sending: Promise<void> = Promise.resolve()

  const stage = async (rows: Waiting, chunk: Chunk) => {
    if (!rows.created) await client.query(createStage(rows.table))
    rows.created = true
    rows.rows += await inHalves(client, 0, chunk.lines.length - 1, {
      try: (first, last) =>
        copyIn(client, copyIntoStage(rows.table), stagedRows(chunk, first, last)),
      refuse: (at, reason) => invalid.add([{ line: chunk.lines[at] as number, reason }]),
      enough,
    })
    await options.onStaged?.(rows)
  }
  /** Later rows of the kind follow into the staging table, so that of two with one key the first is in the table. */
  const write = async (rows: Waiting, chunk: Chunk) => {
    const taken = rows.direct && !enough() ? await writeChunk(client, rows.table, chunk) : false
    rows.direct &&= taken
    if (!taken) return stage(rows, chunk)
    written[rows.table.kind] += chunk.lines.length
    rows.lines -= chunk.lines.length
  }
  const send = async (rows: Waiting) => {
    const { chunk } = rows
    rows.chunk = undefined
    const runs = kinds.get('execution')
    if (chunk?.bare && runs?.chunk && runs !== rows) await send(runs)
    await sending
    if (!chunk) return
    sending = chunk.bare ? write(rows, chunk) : stage(rows, chunk)
    // Its error is thrown where it is awaited.
    sending.catch(() => {})
  }
  const kindOf = (table: LineTable): Waiting => {
    const absent = table.lineColumns.map(() => 0)
    const direct = options.direct?.includes(table.kind) ?? false
    const rows = { table, rows: 0, lines: 0, absent, chunk: undefined, direct, created: false }
    kinds.set(table.kind, rows)
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
        const rows = kinds.get(row.table.kind) ?? kindOf(row.table)
        // A default of the table is for a column that all rows of a COPY leave out.
        rows.direct &&= row.absent.length === 0
        const text = rows.direct ? row.values.slice(1) : `${line.number}${row.before}${row.values}`
        if (rows.chunk && (rows.chunk.bare !== rows.direct || !hasRoom(rows.chunk, text)))
          await send(rows)
        rows.chunk ??= createChunk(text, rows.direct)
        appendRow(rows.chunk, line.number, text)
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
  if (staged.length > 0 && !options.unindexed) await client.query(staged.map(indexStage).join('; '))
  return { read, last, staged, written }
}

/** A row as COPY reads it; undefined if the line is not a row, or is invalid. */
function rowOf(
  { number, text, reason }: Line,
  { tables, fromArchive, isRow, check, invalid }: StageOptions,
): { table: LineTable; before: string; values: string; absent: number[] } | undefined {
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
    return { table: line.table, before: `\t${left}\t${references}`, values: `${values}\n`, absent }
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
