import type pg from 'pg'
import type { Layout } from '../../db/distributed/layout.ts'
import * as d from '../../db/query/decode.ts'
import { databaseError } from '../../db/query/errors.ts'
import { query } from '../../db/query/query.ts'
import { checkSchema } from '../../db/schema.ts'
import { KEEPS_TOTALS } from '../../db/totals.ts'
import { WfstoreError } from '../../error.ts'
import { checkNames, type Names } from '../../options.ts'
import { KINDS, type RowKind } from '../../tables/tables.ts'
import { differingLines, insertLines, removeUnequalBills } from '../lines/bill-lines.ts'
import { ON_NODES, UNHURRIED, unpipelined } from '../lines/copy.ts'
import type { LineCounts } from '../lines/count.ts'
import type { ImportSource } from '../lines/gzip.ts'
import { inHalves } from '../lines/halves.ts'
import { collectInvalid, type InvalidLine, type InvalidLines } from '../lines/invalid.ts'
import { LINE_SETTINGS } from '../lines/line.ts'
import { stageLines } from '../lines/stage.ts'
import { insertOf, type Staged } from '../lines/staged.ts'
import { readTables } from '../lines/table.ts'
import { checkRow } from './check.ts'
import {
  addsToRuns,
  differingRows,
  IMPORT_TURN,
  keepRuns,
  lockRuns,
  lostSteps,
  removeLines,
  removeLostSteps,
} from './conflicts.ts'
import { directKinds, endDirect } from './direct.ts'
import { findShards, onParts } from './on-shards.ts'
import { checkLongest, readable } from './source.ts'

export type { InvalidLine } from '../lines/invalid.ts'

export interface ImportOptions {
  /** Import the other lines where some are invalid; otherwise nothing is imported then. */
  skipInvalid?: boolean | undefined
  /** How long a line may be, in MiB, from 1 to 500 (default: 64). It is in memory as a whole. */
  maxLineMiB?: number | undefined
  /** Called with how many lines have been read, and how many of their rows have been written. */
  onProgress?: ((progress: { read: number; written: number }) => void) | undefined
}

const OPTIONS: Names<ImportOptions> = { skipInvalid: true, maxLineMiB: true, onProgress: true }

export interface ImportReport {
  /** Lines that are not empty. */
  read: number
  /** Rows that are new to the store. */
  inserted: LineCounts
  /** Lines whose row was in the store already with the same content. */
  repeated: number
  /** The first 100 of the lines that were not imported. */
  invalid: InvalidLine[]
  /** The number of all lines that were not imported. */
  invalidCount: number
}

/**
 * Takes the lines of an export (docs/IMPORT.md), plain or compressed with gzip, into the store: all of them or, where
 * anything fails, none. A row that is there already with the same content stays as it is, so an import can be repeated.
 * Totals are taken as they are. The connection is used for one transaction, and memory does not grow with the file.
 * @throws WfstoreError usage where a line is invalid, naming the first; failed where the source cannot be read;
 * schema_missing, schema_behind, schema_ahead, and errors of the server
 * @internal
 */
export async function importLines(
  client: pg.ClientBase,
  source: ImportSource,
  options: ImportOptions = {},
): Promise<ImportReport> {
  checkNames('import', options, OPTIONS)
  checkLongest(options.maxLineMiB)
  const layout = await checkSchema(client, { setsItsOwn: true })
  const pipelined = unpipelined(client)
  try {
    await client.query(
      `begin isolation level read committed read write; ${UNHURRIED}; ${LINE_SETTINGS}; ${KEEPS_TOTALS}`,
    )
    if (layout === 'distributed') for (const setting of ON_NODES) await client.query(setting)
    const report = await importAll(client, layout, source, options)
    await client.query('commit')
    return report
  } catch (error) {
    await client.query('rollback').catch(() => {})
    throw databaseError(error, { connection: client })
  } finally {
    pipelined.restore()
  }
}

interface Work {
  client: pg.ClientBase
  layout: Layout
  invalid: InvalidLines
  /** One invalid line is enough, unless invalid lines are skipped. */
  enough: () => boolean
}

async function importAll(
  client: pg.ClientBase,
  layout: Layout,
  source: ImportSource,
  { skipInvalid = false, maxLineMiB, onProgress = () => {} }: ImportOptions,
): Promise<ImportReport> {
  const invalid = collectInvalid()
  const work = { client, layout, invalid, enough: () => !skipInvalid && invalid.count() > 0 }
  const tables = await readTables(client)
  const direct = await directKinds(client, layout)
  const {
    read,
    last,
    staged,
    written: inserted,
  } = await stageLines(readable(source, maxLineMiB), {
    ...work,
    tables,
    direct,
    check: checkRow,
    progress: (lines) => onProgress({ read: lines, written: 0 }),
  })
  if (direct.length > 0) await endDirect(client)
  assertValid(work)
  if (layout === 'distributed') for (const rows of staged) await findShards(client, rows)
  await holdRuns(work, staged)
  assertValid(work)
  let written = KINDS.reduce((sum, kind) => sum + inserted[kind], 0)
  let repeated = 0
  for (const rows of staged) {
    // The runs are there by now: those of the file as well.
    if (rows.table.kind === 'step') rows.rows -= await refuseLostSteps(work, rows)
    if (rows.table.kind === 'bill')
      rows.rows -= refuseBills(
        work,
        [await query(client, removeUnequalBills(rows), refusedShape)],
        'lines that do not add up to it',
      )
    const moved = await moveRows(work, rows, last)
    assertValid(work)
    if (rows.table.kind === 'bill') {
      // wfstore_at runs a statement that begins with WITH as a query.
      await onParts(client, layout, rows, (part) => `${insertLines(part)} returning 1 as one`, {})
      if (moved.repeated > 0) {
        const differing = await onParts(client, layout, rows, differingLines, refusedShape)
        moved.repeated -= refuseBills(work, differing, 'other lines in the store')
      }
      assertValid(work)
    }
    inserted[rows.table.kind] += moved.inserted
    repeated += moved.repeated
    written += moved.inserted + moved.repeated
    onProgress({ read, written })
  }
  if (staged.length === 0) onProgress({ read, written })
  return { read, inserted, repeated, invalid: invalid.first(), invalidCount: invalid.count() }
}

async function holdRuns({ client, layout }: Work, staged: readonly Staged[]): Promise<void> {
  await client.query(IMPORT_TURN)
  if (layout === 'single') {
    const lock = lockRuns(staged)
    if (lock !== undefined) await client.query(lock)
  } else {
    for (const rows of staged.filter(addsToRuns))
      await onParts(client, layout, rows, (part) => lockRuns([part]) as string, {})
  }
  const steps = staged.find(({ table }) => table.kind === 'step')
  if (steps) await onParts(client, layout, steps, keepRuns, {})
}

const lostShape = { line: d.count(), run: d.text(), allOfThem: d.count() }

/** @returns how many steps were taken out */
async function refuseLostSteps({ client, layout, invalid }: Work, steps: Staged): Promise<number> {
  const lost =
    layout === 'single'
      ? await query(client, removeLostSteps(steps), lostShape)
      : await lostOnShards(client, steps)
  const count = lost[0]?.allOfThem ?? 0
  const reason = (run: string) =>
    `the run ${run} of this step is neither in the file nor in the store`
  invalid.add(
    lost.map(({ line, run }) => ({ line, reason: reason(run) })),
    count,
  )
  return count
}

async function lostOnShards(client: pg.ClientBase, steps: Staged) {
  const { line, run } = lostShape
  const parts = await onParts(client, 'distributed', steps, lostSteps, { line, run })
  for (const part of parts) await client.query(removeLines(steps), [part.map(({ line }) => line)])
  return first100(parts.map((part) => part.map((row) => ({ ...row, allOfThem: part.length }))))
}

/** The first 100 lines of all parts, with the number of all. Each part has its own. */
function first100<Row extends { line: number; allOfThem: number }>(parts: readonly Row[][]): Row[] {
  const allOfThem = parts.reduce((sum, [row]) => sum + (row?.allOfThem ?? 0), 0)
  return parts
    .flat()
    .sort((a, b) => a.line - b.line)
    .slice(0, 100)
    .map((row) => ({ ...row, allOfThem }))
}

const refusedShape = { line: d.count(), id: d.text(), allOfThem: d.count() }

/** @returns the number of bills of the file that are invalid because of their lines */
function refuseBills(
  { invalid }: Work,
  parts: d.RowOf<typeof refusedShape>[][],
  what: string,
): number {
  const found = first100(parts)
  const count = found[0]?.allOfThem ?? 0
  invalid.add(
    found.map(({ line, id }) => ({ line, reason: `bill ${id} has ${what}` })),
    count,
  )
  return count
}

const differingShape = {
  line: d.count(),
  id: d.text(),
  fields: d.nullable(d.text()),
  allOfThem: d.count(),
}

/** Takes the rows of a kind to their table. @returns how many are new, and how many were there already */
async function moveRows(
  { client, layout, invalid, enough }: Work,
  staged: Staged,
  last: number,
): Promise<{ inserted: number; repeated: number }> {
  const { kind } = staged.table
  const insert = insertOf(staged, { order: 'asc', range: true, layout })
  // Citus says that it has inserted rows which it has left out because of a conflict.
  const counted = `with back as (${insert} returning 1) select count(*) as rows from back`
  const insertLinesOf = async (range: [number, number]): Promise<number> => {
    if (layout === 'single') return (await client.query(insert, range)).rowCount ?? 0
    const [row] = await query(client, { text: counted, values: range }, { rows: d.count() })
    return row?.rows ?? 0
  }
  let waiting = staged.rows
  const inserted = await inHalves(client, 1, last, {
    try: (from, to) => insertLinesOf([from, to]),
    refuse: async (line, reason) => {
      invalid.add([{ line, reason }])
      waiting--
      await client.query(removeLines(staged), [[line]])
    },
    enough,
  })
  if (inserted === waiting || enough()) return { inserted, repeated: 0 }
  const differing = first100(await onParts(client, layout, staged, differingRows, differingShape))
  const count = differing[0]?.allOfThem ?? 0
  invalid.add(
    differing.map(({ line, id, fields }) => ({ line, reason: differenceOf(kind, id, fields) })),
    count,
  )
  return { inserted, repeated: waiting - inserted - count }
}

const differenceOf = (kind: RowKind, id: string, fields: string | null): string =>
  fields === null
    ? `${kind} ${id} was deleted from the store during the import`
    : `${kind} ${id} is in the store, or in an earlier line, with another ${fields}`

/** @throws WfstoreError usage where no line may be invalid, and one is */
function assertValid({ invalid, enough }: Work): void {
  if (!enough()) return
  const { line, reason } = invalid.first()[0] as InvalidLine
  const count = invalid.count()
  const more = count === 2 ? '; 1 more line is invalid' : `; ${count - 1} more lines are invalid`
  throw new WfstoreError('usage', `line ${line}: ${reason}${count > 1 ? more : ''}`, {
    hint: 'nothing was imported; correct the file, or import the other lines with `skipInvalid`',
  })
}
