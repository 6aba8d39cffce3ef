import type pg from 'pg'
import type { Layout } from '../../db/distributed/layout.ts'
import * as d from '../../db/query/decode.ts'
import { query } from '../../db/query/query.ts'
import { WfstoreError } from '../../error.ts'
import { auditHistory, neededColumns, onShard } from '../../tables/histories.ts'
import { collectInvalid } from '../../transfer/lines/invalid.ts'
import { readLines } from '../../transfer/lines/read.ts'
import { stageLines } from '../../transfer/lines/stage.ts'
import {
  dropStage,
  insertOf,
  type Staged,
  stagedField,
  stageOf,
} from '../../transfer/lines/staged.ts'
import type { LineTables } from '../../transfer/lines/table.ts'
import { noRows } from '../archive/form.ts'
import type { VerifiedArchive } from '../archive/verify/verify.ts'
import type { Cleaned, Removed, RestoredReferences } from '../types.ts'
import { foldRestored } from './history.ts'
import { keepNewReferences, restoreReferences } from './references.ts'

/** A stream has lines about itself between its rows. */
const isRow = (text: string): boolean => !/^\{"(archive|sync|manifest)"/.test(text)

/**
 * Takes the rows of an archive to their tables. A row that is there stays as it is. Its checksums are right, so the
 * values are not checked: a table may hold some that no import takes.
 * @throws WfstoreError failed where a row does not fit its table
 */
export async function restoreRows(
  client: pg.ClientBase,
  archive: VerifiedArchive,
  tables: LineTables,
  {
    layout,
    copy,
    once,
    maxLineMiB,
    progress,
  }: {
    layout: Layout
    copy: boolean
    /** The archive has no audit entry twice. */
    once: boolean
    maxLineMiB?: number | undefined
    progress: (read: number) => void
  },
): Promise<{ restored: Removed; alreadyThere: Removed; references: RestoredReferences[] }> {
  const invalid = collectInvalid()
  const enough = () => invalid.count() > 0
  const [restored, alreadyThere] = [noRows(), noRows()]
  const emptied = new Set<Staged>()
  const early = once && layout === 'single' && (await isAlone(client))
  const writeEarly = async (rows: Staged) => {
    if (rows.table.kind !== 'audit' || rows.rows < PORTION || enough()) return
    if (await hasReferences(client, rows)) return
    const written = await insertRows(client, rows, layout)
    restored.audit += written
    alreadyThere.audit += rows.rows - written
    await client.query(`truncate ${stageOf(rows.table)}`)
    rows.rows = 0
    emptied.add(rows)
  }
  const { staged } = await stageLines(readLines(archive.content(), maxLineMiB), {
    ...{ client, tables, invalid, enough, isRow, progress, fromArchive: true, unindexed: true },
    ...(early && { onStaged: writeEarly }),
  })
  const [first] = invalid.first()
  if (first) {
    const { line, reason } = first
    throw new WfstoreError('failed', `line ${line} of ${archive.place}: ${reason}`, {
      hint: reason.includes('--max-line')
        ? 'nothing was restored'
        : 'nothing was restored; compare the table with how it was when the row was removed',
    })
  }
  const references: RestoredReferences[] = []
  for (const rows of staged) {
    // No key of a distributed table sets columns to NULL.
    if (!copy && layout === 'single') await keepNewReferences(client, rows)
    const kind = rows.table.kind as Cleaned
    const written = await insertRows(client, rows, layout)
    const known = written === rows.rows ? rows.rows : await countRows(client, rows)
    restored[kind] += written
    alreadyThere[kind] += known - written
  }
  for (const rows of copy ? [] : staged) references.push(...(await restoreReferences(client, rows)))
  const stages = [...new Set([...staged, ...emptied])]
  if (stages.length > 0) await client.query(stages.map(dropStage).join('; '))
  return { restored, alreadyThere, references }
}

/** The number of audit entries that are written while the rest of the archive is read. */
const PORTION = 1000

const isTrue = async (client: pg.ClientBase, condition: string): Promise<boolean> =>
  (await query(client, `select ${condition} as yes`, { yes: d.boolean() }))[0]?.yes === true

/** Whether audit entries may be there before their runs: no foreign key and no trigger of the application looks at them. */
const isAlone = (client: pg.ClientBase) =>
  isTrue(
    client,
    `not exists (select from pg_trigger where tgrelid = 'audit_logs'::regclass and tgname not like 'wfstore\\_%')`,
  )

const hasReferences = (client: pg.ClientBase, { table }: Staged) =>
  isTrue(client, `exists (select from ${stageOf(table)} where refs is not null)`)

/** A batch that was tried again has left its lines twice. The last one is the row as it was deleted. */
async function insertRows(client: pg.ClientBase, staged: Staged, layout: Layout): Promise<number> {
  const insert = insertOf(staged, { order: 'desc', layout })
  const kind = staged.table.kind as Cleaned
  const fold = foldRestored(layout, kind, 'back')
  // The server keeps what it returns, and entries have wide columns.
  const history = layout === 'single' ? auditHistory : onShard(auditHistory)
  const columns = kind === 'audit' ? neededColumns(history).join(', ') : '*'
  const text = `with back as (${insert} returning ${columns})${fold} select count(*) as restored from back`
  const [row] = await query(client, text, { restored: d.count() })
  return row?.restored ?? 0
}

/** Rows, of which an archive may have several lines. */
async function countRows(client: pg.ClientBase, staged: Staged): Promise<number> {
  const key = staged.table.key.map((name) => stagedField(staged, name))
  const text = `select count(*) as rows from (select distinct ${key.join(', ')} from ${stageOf(staged.table)}) as k`
  const [row] = await query(client, text, { rows: d.count() })
  return row?.rows ?? 0
}
