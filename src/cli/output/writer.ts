import type { Column } from './column.ts'
import { headerOf, nameColumn, readValue, visibleColumns } from './column.ts'
import type { Format } from './format.ts'
import { wrap } from './formats/paragraphs.ts'
import { hiddenNote, recordTerminal } from './formats/record.ts'
import type { StreamFormat } from './formats/stream-formats.ts'
import {
  csvStream,
  jsonLines,
  jsonStream,
  nameStream,
  tsvStream,
} from './formats/stream-formats.ts'
import type { TableStyle } from './formats/table.ts'
import type { GuardedStream } from './stream.ts'
import { guardStream } from './stream.ts'
import { show } from './text/escape.ts'
import { painter } from './text/style.ts'

export interface OutputOptions {
  stdout: NodeJS.WritableStream
  stderr: NodeJS.WritableStream
  format: Format
  isTTY: boolean
  /** The width of the terminal in cells. */
  width: number
  color: boolean
  /** The width of the terminal that shows the notes; without it a note is one line. */
  noteWidth?: number | undefined
  /** The time zone is named elsewhere on the screen. */
  zoneNamed?: boolean
  /** Colour on stderr (default: as `color`). */
  stderrColor?: boolean
  /** IANA time zone for times on a terminal. */
  timeZone: string
  /** The time for ages on a terminal. */
  now: () => Date
  /** --columns */
  columns?: readonly string[] | undefined
  /** false for --no-headers. */
  headers?: boolean | undefined
  /** --page: a JSON object with the rows and the next cursor. */
  page?: boolean | undefined
  /** Called with the cursor after the last row, if a list has more rows. */
  onCursor?: ((cursor: string) => void) | undefined
}

export interface ListExtras<Row> {
  /**
   * The total of the rows, shown below them on a terminal. In other formats it is the last row only with `everywhere`, so
   * that a sum over the rows does not count it twice.
   */
  total?: { row: Row; everywhere: boolean } | undefined
  /** Printed to stderr if a table on a terminal is empty: "no runs". */
  empty?: string
  /** Called after the last row. */
  end?: () => { nextCursor?: string | null | undefined }
}

export interface Writer {
  /** The cursor of a list with more rows is given to a server, which names it: no note is needed. */
  tellsCursor: boolean
  /** Resolves to the number of rows. All formats but the table on a terminal are streamed. */
  list<Row>(
    columns: readonly Column<Row>[],
    rows: Iterable<Row> | AsyncIterable<Row>,
    options?: ListExtras<Row>,
  ): Promise<number>
  /** Prints rows as they arrive, in all formats but a JSON array, which needs an end. */
  follow<Row>(
    columns: readonly Column<Row>[],
    batches: AsyncIterable<readonly Row[]>,
  ): Promise<void>
  /** Prints one record with its nested rows. */
  record<Row>(columns: readonly Column<Row>[], row: Row): Promise<void>
  /** Prints a line for people to stderr. */
  note(text: string): void
  /** Prints a note below a table or a record on a terminal, and nothing in other formats. */
  remark(text: string): void
  /** Prints a sentence for people to stdout: a terminal breaks it at spaces. */
  sentence(text: string): Promise<void>
  /** Prints plain lines to stdout in all formats. */
  text(text: string): Promise<void>
}

/** Rows are buffered up to this many characters. */
const CHUNK = 16_384
const DEFAULT_WIDTH = 80

export function createWriter(options: OutputOptions): Writer {
  const { format, isTTY, timeZone, now, headers = true } = options
  const stdout = guardStream(options.stdout, 'stdout')
  const stderr = guardStream(options.stderr, 'stderr')
  const paintNote = painter(options.stderrColor ?? options.color)
  const onTerminal = format === 'table' && isTTY
  const style: TableStyle = {
    timeZone,
    now,
    precision: 'minutes',
    // Some terminals report 0 or nothing.
    width: options.width > 0 ? options.width : DEFAULT_WIDTH,
    paint: painter(options.color),
    picked: options.columns !== undefined,
    headers,
  }

  function pick<Row>(columns: readonly Column<Row>[]): readonly Column<Row>[] {
    if (format === 'name') return [nameColumn(columns)]
    const isJson = format === 'json' || format === 'jsonl' || format === 'yaml'
    const where = isJson ? 'json' : onTerminal ? 'terminal' : 'table'
    return visibleColumns(columns, options.columns, where)
  }

  async function print(text: string): Promise<void> {
    if (text !== '') await stdout.write(text)
    await stdout.flush()
  }

  function note(text: string): void {
    // If stderr is closed, the error cannot be reported.
    const parts = options.noteWidth ? wrap(show(text), 0, options.noteWidth) : [show(text)]
    stderr.write(lines(parts.map((part) => paintNote('dim', part)))).catch(() => {})
  }

  const remark = (text: string) => {
    if (onTerminal) note(text)
  }

  /** Names the time zone below a table that shows times. */
  function nameZone<Row>(columns: readonly Column<Row>[], rows: readonly Row[], hidden: string[]) {
    const shown = columns.filter((column) => isTime(column, hidden))
    const isFilled = (column: Column<Row>) => rows.some((row) => readValue(column, row) != null)
    if (!options.zoneNamed && shown.some(isFilled)) note(`times are in ${timeZone}`)
  }

  async function listTable<Row>(
    columns: readonly Column<Row>[],
    source: Iterable<Row> | AsyncIterable<Row>,
    empty: string,
    total: Row | undefined,
  ): Promise<number> {
    const rows: Row[] = []
    for await (const row of source) rows.push(row)
    if (rows.length === 0) note(empty)
    else if (columns.some(({ below }) => below !== undefined)) {
      const { drawBelow } = await import('./formats/below.ts')
      const table = await drawBelow(columns, rows, style)
      await print(lines([...table.header, ...table.lines]))
      nameZone(columns, rows, table.hidden)
      if (table.hidden.length > 0) note(hiddenNote(table.hidden, style.width))
    } else if (columns.some(({ wrap }) => wrap !== undefined)) {
      const { drawParagraphs } = await import('./formats/paragraphs.ts')
      await print(lines(drawParagraphs(columns, rows, style)))
    } else {
      const { drawTable } = await import('./formats/table.ts')
      const table = await drawTable(columns, rows, style, total)
      await print(lines([...table.header, ...table.lines]))
      nameZone(columns, rows, table.hidden)
      if (table.hidden.length > 0) note(hiddenNote(table.hidden, style.width))
    }
    return rows.length
  }

  return {
    tellsCursor: options.onCursor !== undefined,
    note,
    remark,

    async list(columns, rows, { empty = 'no rows', end, total } = {}) {
      const picked = pick(columns)
      if (onTerminal) return listTable(picked, rows, empty, total?.row)
      const all = total?.everywhere ? followed(rows, total.row) : rows
      const form = await streamFormat(picked, options)
      const last = () => {
        const nextCursor = end?.().nextCursor ?? undefined
        if (nextCursor !== undefined) options.onCursor?.(nextCursor)
        return nextCursor
      }
      return stream(form, all, last, stdout)
    },

    async follow(columns, batches) {
      const picked = pick(columns)
      if (!onTerminal) return followStream(await streamFormat(picked, options), batches, print)
      const { followTable } = await import('./formats/below.ts')
      for await (const { header, lines: drawn, hidden } of followTable(picked, batches, style)) {
        await print(lines([...header, ...drawn]))
        if (header.length > 0 && picked.some((column) => isTime(column, hidden)))
          remark(`times are in ${timeZone}`)
        if (hidden.length > 0) note(hiddenNote(hidden, style.width))
      }
    },

    async record(columns, row) {
      const picked = pick(columns)
      if (!onTerminal) {
        const { open, row: line, record } = await streamFormat(picked, options)
        return print(record ? record(row) : open + line(row, 0))
      }
      const record = await recordTerminal(picked, row, style)
      await print(lines(record.lines))
      for (const text of record.notes) note(text)
    },

    sentence: (text) => print(lines(isTTY ? wrap(show(text), 0, style.width) : [show(text)])),

    text: (text) => print(show(text.endsWith('\n') ? text : `${text}\n`, ['\n', '\t'])),
  }
}

const isTime = <Row>(column: Column<Row>, hidden: readonly string[]) =>
  column.kind === 'time' && !hidden.includes(headerOf(column))

async function* followed<Row>(rows: Iterable<Row> | AsyncIterable<Row>, total: Row) {
  yield* rows
  yield total
}

async function streamFormat<Row>(
  columns: readonly Column<Row>[],
  { format, page = false, headers = true }: OutputOptions,
): Promise<StreamFormat<Row>> {
  switch (format) {
    case 'json':
      return jsonStream(columns, page)
    case 'jsonl':
      return jsonLines(columns)
    case 'yaml':
      return (await import('./formats/yaml.ts')).yamlStream(columns)
    case 'name':
      return nameStream(columns)
    case 'csv':
      return csvStream(columns, headers)
    default:
      return tsvStream(columns, headers)
  }
}

async function stream<Row>(
  format: StreamFormat<Row>,
  rows: Iterable<Row> | AsyncIterable<Row>,
  last: () => string | undefined,
  stdout: GuardedStream,
): Promise<number> {
  let count = 0
  let chunk = format.open
  for await (const row of rows) {
    chunk += format.row(row, count++)
    if (chunk.length < CHUNK) continue
    await stdout.write(chunk)
    chunk = ''
  }
  chunk += format.close(count, last())
  if (chunk !== '') await stdout.write(chunk)
  await stdout.flush()
  return count
}

async function followStream<Row>(
  format: StreamFormat<Row>,
  batches: AsyncIterable<readonly Row[]>,
  print: (text: string) => Promise<void>,
): Promise<void> {
  let count = 0
  await print(format.open)
  for await (const rows of batches)
    await print(rows.map((row) => format.row(row, count++)).join(''))
}

const lines = (all: readonly string[]) => all.map((line) => `${line}\n`).join('')
