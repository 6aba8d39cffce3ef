import type pg from 'pg'
import * as d from '../../db/query/decode.ts'
import { databaseError, describe } from '../../db/query/errors.ts'
import { query } from '../../db/query/query.ts'
import { checkSchema } from '../../db/schema.ts'
import { WfstoreError } from '../../error.ts'
import { UNHURRIED, unpipelined } from '../export/copy.ts'
import { KINDS, type Kind } from '../export/form.ts'
import { type Checked, checkLine, Invalid } from './check.ts'
import { inHalves } from './halves.ts'
import { type Line, readLines, type Source } from './lines.ts'
import { type ImportReport, type InvalidLine, InvalidLines } from './report.ts'
import {
  COUNT_WAITING,
  differingRows,
  IMPORT_TURN,
  insertRows,
  KEEP_RUNS,
  LOCK_RUNS,
  REMOVE_LINE,
  REMOVE_LOST_STEPS,
} from './rows.ts'
import { openStage } from './stage.ts'

export type { ImportReport, InvalidLine } from './report.ts'

export interface ImportOptions {
  /** Import the other lines where some are invalid; otherwise nothing is imported then. */
  skipInvalid?: boolean | undefined
  /** Told now and then how many lines have been read, and of them how many rows are in their tables. */
  onProgress?: ((progress: { read: number; written: number }) => void) | undefined
}

/**
 * Takes the lines of an export (docs/IMPORT.md), plain or compressed with gzip, into the store: all of them or, where
 * anything fails, none. What is there already with the same content is left as it is, so that an import can be repeated.
 * Totals are taken as they are. The connection is used for one transaction, and memory does not grow with the file.
 * @throws WfstoreError usage where a line is invalid, naming the first; failed where nothing is valid, or the source
 * cannot be read; schema_missing, schema_behind, schema_ahead, and whatever the server says
 * @internal
 */
export async function importLines(
  client: pg.ClientBase,
  source: Source,
  options: ImportOptions = {},
): Promise<ImportReport> {
  await checkSchema(client)
  const pipelined = unpipelined(client)
  try {
    await client.query(`begin isolation level read committed read write; ${UNHURRIED}`)
    const report = await importAll(client, source, options)
    await client.query('commit')
    return report
  } catch (error) {
    await client.query('rollback').catch(() => {})
    throw databaseError(error)
  } finally {
    pipelined.restore()
  }
}

interface Work {
  client: pg.ClientBase
  invalid: InvalidLines
  /** One invalid line is enough where none shall be skipped. */
  enough: () => boolean
}

async function importAll(
  client: pg.ClientBase,
  source: Source,
  { skipInvalid = false, onProgress = () => {} }: ImportOptions,
): Promise<ImportReport> {
  const invalid = new InvalidLines()
  const work = { client, invalid, enough: () => !skipInvalid && invalid.count > 0 }
  const { read, last } = await stageLines(work, source, (lines) =>
    onProgress({ read: lines, written: 0 }),
  )
  const inserted: Record<Kind, number> = { execution: 0, step: 0, audit: 0, bill: 0, metric: 0 }
  let [repeated, written] = [0, 0]
  if (!work.enough()) {
    await client.query(IMPORT_TURN)
    await client.query(LOCK_RUNS)
    await client.query(KEEP_RUNS)
  }
  for (const kind of KINDS) {
    if (kind === 'step' && !work.enough()) await removeLostSteps(work)
    if (work.enough()) throw refusal(invalid)
    const moved = await moveRows(work, kind, last)
    inserted[kind] = moved.inserted
    repeated += moved.repeated
    written += moved.inserted + moved.repeated
    onProgress({ read, written })
  }
  if (work.enough()) throw refusal(invalid)
  return { read, inserted, repeated, invalid: invalid.first, invalidCount: invalid.count }
}

/** @returns how many lines there are, and the number of the last */
async function stageLines(
  { client, invalid, enough }: Work,
  source: Source,
  progress: (read: number) => void,
): Promise<{ read: number; last: number }> {
  const stage = await openStage(client, invalid, enough)
  let [read, last] = [0, 0]
  try {
    for await (const lines of readable(source)) {
      for (const line of lines) {
        read++
        last = line.number
        const checked = check(line, invalid)
        // The rest is read on, to say how many lines are invalid.
        if (checked && !enough()) await stage.add(line.number, checked)
      }
      progress(read)
    }
  } catch (error) {
    await stage.settle()
    throw error
  }
  await stage.finish()
  return { read, last }
}

async function* readable(source: Source): AsyncGenerator<Line[]> {
  try {
    yield* readLines(source)
  } catch (cause) {
    if (cause instanceof WfstoreError) throw cause
    const { message } = describe(cause)
    throw new WfstoreError('failed', `cannot read what is to be imported: ${message}`, { cause })
  }
}

function check({ number, text, reason }: Line, invalid: InvalidLines): Checked | undefined {
  try {
    if (text === undefined) throw new Invalid(reason)
    return checkLine(text)
  } catch (error) {
    if (!(error instanceof Invalid)) throw error
    invalid.add([{ line: number, reason: error.message }])
    return undefined
  }
}

const lostShape = { line: d.count(), run: d.text(), allOfThem: d.count() }

async function removeLostSteps({ client, invalid }: Work): Promise<void> {
  const lost = await query(client, REMOVE_LOST_STEPS, [], lostShape)
  invalid.add(
    lost.map(({ line, run }) => ({
      line,
      reason: `the run ${run} of this step is neither in the file nor in the store`,
    })),
    lost[0]?.allOfThem,
  )
}

const differingShape = {
  line: d.count(),
  id: d.text(),
  fields: d.nullable(d.text()),
  allOfThem: d.count(),
}

/** Takes the lines of a kind to its table. @returns how many are new, and how many were there already */
async function moveRows(
  { client, invalid, enough }: Work,
  kind: Kind,
  last: number,
): Promise<{ inserted: number; repeated: number }> {
  const [counted] = await query(client, COUNT_WAITING, [kind], { waiting: d.count() })
  let waiting = counted?.waiting ?? 0
  if (waiting === 0) return { inserted: 0, repeated: 0 }
  const inserted = await inHalves(client, 1, last, {
    try: async (from, to) => (await client.query(insertRows(kind), [from, to])).rowCount ?? 0,
    refuse: async (line, reason) => {
      invalid.add([{ line, reason }])
      waiting--
      await client.query(REMOVE_LINE, [line])
    },
    enough,
  })
  if (inserted === waiting || enough()) return { inserted, repeated: 0 }
  const differing = await query(client, differingRows(kind), [], differingShape)
  const count = differing[0]?.allOfThem ?? 0
  invalid.add(
    differing.map(({ line, id, fields }) => ({
      line,
      reason:
        fields === null
          ? `${kind} ${id} was deleted from the store while it was imported`
          : `${kind} ${id} is in the store, or in an earlier line, with another ${fields}`,
    })),
    count,
  )
  return { inserted, repeated: waiting - inserted - count }
}

function refusal({ count, first }: InvalidLines): WfstoreError {
  const { line, reason } = first[0] as InvalidLine
  const more = count === 2 ? '; 1 more line is invalid' : `; ${count - 1} more lines are invalid`
  return new WfstoreError('usage', `line ${line}: ${reason}${count > 1 ? more : ''}`, {
    hint: 'nothing was imported; mend it, or leave such lines out with --skip-invalid (skipInvalid)',
  })
}
