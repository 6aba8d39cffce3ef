import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { DuckDBConnection, DuckDBType, DuckDBValueConverter } from '@duckdb/node-api'
import { WfstoreError } from '../../../error.ts'
import { tableOf } from '../../../tables/tables.ts'
import { type ArchiveColumn, CLEANED, type Cleaned } from '../../types.ts'
import { onDisk } from '../disk.ts'
import type { Head } from '../form.ts'
import { readLayout } from '../parquet/read.ts'
import { timeText } from '../parquet/types.ts'
import { Fault } from '../verify/report.ts'
import { archiveFolders } from '../verify/verify.ts'
import { loadDuckDB, lockIn, openMemory, queryError } from './duckdb.ts'
import { parquetFilesOf } from './files.ts'
import { type QueryFile, type QueryTable, queryTable, repeatedSql, viewSql } from './views.ts'

export interface QueriedColumn {
  name: string
  kind: 'text' | 'id' | 'time' | 'count' | 'boolean' | 'json'
}

/** Decimals and whole numbers that a double may not hold are text, times are RFC 3339 in UTC, nested values are JSON. */
export type QueriedRow = (string | number | boolean | null)[]

export interface QueryOptions {
  signal?: AbortSignal | undefined
  notice?: ((line: string) => void) | undefined
}

const INTERRUPT_MS = 100

/**
 * Runs a query over the rows of archives with DuckDB, in memory. It sees the tables that it names, and no other file. A row that several archives have is there once, as it was deleted last.
 * @param print reads the rows, which end with it
 * @throws WfstoreError usage if the query is wrong or is not one SELECT, failed
 */
export async function queryArchives(
  place: string,
  query: string,
  { signal, notice = () => {} }: QueryOptions,
  print: (columns: QueriedColumn[], rows: AsyncIterable<QueriedRow>) => Promise<void>,
): Promise<void> {
  const duckdb = await loadDuckDB()
  const places = await archiveFolders(place)
  const folder = await onDisk(tmpdir(), () => mkdtemp(join(tmpdir(), 'wfstore-query-')))
  try {
    const named = CLEANED.filter((kind) => query.toLowerCase().includes(tableOf(kind).name))
    const tables = await readTables(places, named, folder, notice)
    const { connection, close } = await openMemory(duckdb, folder)
    // An interruption before a statement has begun has no effect.
    const interrupting = setInterval(() => {
      if (signal?.aborted) connection.interrupt()
    }, INTERRUPT_MS)
    try {
      await createViews(connection, tables, notice)
      await runSelect(duckdb, connection, query, print)
    } catch (error) {
      throw queryError(
        error,
        CLEANED.map((kind) => tableOf(kind).name),
      )
    } finally {
      clearInterval(interrupting)
      close()
    }
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

async function readTables(
  places: readonly string[],
  named: readonly Cleaned[],
  folder: string,
  notice: (line: string) => void,
): Promise<QueryTable[]> {
  const archives: { head: Head; files: { kind: Cleaned; path: string }[] }[] = []
  let converted = 0
  for (const [n, place] of places.entries()) {
    const own = join(folder, String(n))
    await onDisk(own, () => mkdir(own))
    const found = await parquetFilesOf(place, named, own)
    converted += found.converted
    if (found.head) archives.push({ head: found.head, files: found.files })
  }
  if (converted > 0)
    notice(
      'archives of JSON lines are converted for each query; `wfstore archive convert` does it once',
    )
  archives.sort((a, b) => (a.head.startedAt < b.head.startedAt ? -1 : 1))
  return Promise.all(
    named.map(async (kind) => {
      const known = new Map<string, ArchiveColumn>()
      const files: QueryFile[] = []
      for (const { head, files: own } of archives) {
        for (const column of head.columns[kind]) known.set(column.name, column)
        for (const file of own) if (file.kind === kind) files.push(await readFile(file.path))
      }
      return queryTable(kind, files, [...known.values()])
    }),
  )
}

async function readFile(path: string): Promise<QueryFile> {
  try {
    return { path, columns: (await readLayout(path)).columns }
  } catch (error) {
    if (!(error instanceof Fault)) throw error
    throw new WfstoreError('failed', `${path} ${error.message}`, {
      hint: 'run `wfstore archive verify` to list all problems',
    })
  }
}

async function createViews(
  connection: DuckDBConnection,
  tables: readonly QueryTable[],
  notice: (line: string) => void,
): Promise<void> {
  for (const table of tables) {
    await connection.run(repeatedSql(table))
    const counted = await connection.runAndReadAll(
      `select count(*)::integer from wfstore_repeated_${table.name}`,
    )
    await connection.run(viewSql(table, Number(counted.getRows()[0]?.[0])))
    for (const { name, problem } of table.columns)
      if (problem) notice(`${table.name}.${name} is text: ${problem}`)
  }
  await lockIn(
    connection,
    tables.flatMap(({ files }) => files.map(({ path }) => path)),
  )
}

type DuckDB = Awaited<ReturnType<typeof loadDuckDB>>

async function runSelect(
  duckdb: DuckDB,
  connection: DuckDBConnection,
  query: string,
  print: (columns: QueriedColumn[], rows: AsyncIterable<QueriedRow>) => Promise<void>,
): Promise<void> {
  const statements = await connection.extractStatements(query)
  const prepared = statements.count === 1 ? await statements.prepare(0) : undefined
  if (prepared?.statementType !== duckdb.StatementType.SELECT)
    throw new WfstoreError('usage', 'the query is not one SELECT', {
      hint: 'write one statement that only reads',
    })
  const result = await prepared.stream()
  const names = result.deduplicatedColumnNames()
  const columns = result
    .columnTypes()
    .map((type, at) => ({ name: names[at] as string, kind: kindOf(duckdb, type) }))
  const converter = converterOf(duckdb)
  const rows = async function* () {
    for await (const found of result.yieldConvertedRows(converter))
      for (const row of found) yield row.map(plain)
  }
  await print(columns, rows())
}

function kindOf(
  { DuckDBTypeId: Id }: DuckDB,
  { typeId, alias }: DuckDBType,
): QueriedColumn['kind'] {
  if (alias === 'JSON' || NESTED.has(Id[typeId] ?? '')) return 'json'
  if (typeId === Id.UUID) return 'id'
  if (typeId === Id.BOOLEAN) return 'boolean'
  if (typeId === Id.TIMESTAMP_TZ) return 'time'
  return /INT|DECIMAL|DOUBLE|FLOAT|BIGNUM/.test(Id[typeId] ?? '') ? 'count' : 'text'
}

const NESTED = new Set(['LIST', 'STRUCT', 'MAP', 'ARRAY', 'UNION', 'INTERVAL', 'VARIANT'])

/** As JSON of DuckDB, but for times and for zeros at the end of a decimal. */
function converterOf({ DuckDBTypeId: Id, JsonDuckDBValueConverter }: DuckDB) {
  const convert: DuckDBValueConverter<unknown> = (value, type) => {
    if (value === null) return null
    if (type.typeId === Id.DECIMAL)
      return String(value)
        .replace(/(\.\d*?)0+$/, '$1')
        .replace(/\.$/, '')
    if (type.typeId === Id.TIMESTAMP_TZ) {
      const { micros } = value as unknown as { micros: bigint }
      return isUsual(micros) ? timeText(micros, false) : String(value)
    }
    return JsonDuckDBValueConverter(value, type, convert as never)
  }
  return convert
}

/** The years 1 to 9999, which RFC 3339 has. */
const isUsual = (micros: bigint) =>
  micros >= -62_135_596_800_000_000n && micros < 253_402_300_800_000_000n

const plain = (value: unknown): QueriedRow[number] =>
  typeof value === 'object' && value !== null
    ? JSON.stringify(value)
    : ((value ?? null) as QueriedRow[number])
