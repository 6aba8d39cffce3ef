import type { Readable } from 'node:stream'
import type pg from 'pg'
import type { Layout } from '../../db/distributed/layout.ts'
import { withAdvisoryLock } from '../../db/migrate/lock.ts'
import { schemaFor, withSettings } from '../../db/migrate/session.ts'
import * as d from '../../db/query/decode.ts'
import { databaseError } from '../../db/query/errors.ts'
import { query } from '../../db/query/query.ts'
import { raw, sql } from '../../db/query/sql.ts'
import { rollback } from '../../db/query/transaction.ts'
import { checkSchema } from '../../db/schema.ts'
import { KEEPS_TOTALS } from '../../db/totals.ts'
import { WfstoreError } from '../../error.ts'
import { checkNames, type Names } from '../../options.ts'
import { ON_NODES, UNHURRIED, unpipelined } from '../../transfer/lines/copy.ts'
import { LINE_SETTINGS } from '../../transfer/lines/line.ts'
import { readTables } from '../../transfer/lines/table.ts'
import { assertColumns } from '../archive/columns.ts'
import { addRows, type Head, noRows } from '../archive/form.ts'
import { Fault } from '../archive/verify/report.ts'
import { verifyStream } from '../archive/verify/stream.ts'
import { type VerifiedArchive, verifyArchive } from '../archive/verify/verify.ts'
import { cleanupLock, NO_TRANSACTION_TIMEOUT } from '../lock.ts'
import type { RestoredReferences } from '../types.ts'
import { CLEANED, type Removed } from '../types.ts'
import { beginRestored, createRestored, takeOut } from './history.ts'
import { addReferences } from './references.ts'
import { restoreRows } from './rows.ts'
import { withSpooled } from './spool.ts'

export interface RestoreOptions {
  /** Restores and then rolls back: the result says what would be restored. */
  dryRun?: boolean | undefined
  /** Restores rows of any database and leaves the histories as they are. It is for reading old runs in a scratch database. */
  copy?: boolean | undefined
  /** How long a line may be, in MiB (default: 64). It is in memory as a whole. */
  maxLineMiB?: number | undefined
  /** Ends the wait for the stream. */
  signal?: AbortSignal | undefined
  /** The stream that '-' reads. */
  stdin?: Readable | undefined
  /** Called with how many of the lines have been read. */
  progress?: ((progress: { lines: number; of: number }) => void) | undefined
  notice?: ((line: string) => void) | undefined
}

const OPTIONS: Names<RestoreOptions> = {
  dryRun: true,
  copy: true,
  maxLineMiB: true,
  signal: true,
  stdin: true,
  progress: true,
  notice: true,
}

export interface RestoreResult {
  /** In the order in which their cleanups began. */
  archives: { place: string; cleanupId: string; cutoff: string; complete: boolean }[]
  restored: Removed
  /** Rows that were not deleted, or were restored before. */
  alreadyThere: Removed
  /** The rows of the application whose references to restored rows the cleanup had set to NULL. */
  references: RestoredReferences[]
  /** Whether all cleanups ended and none was killed. */
  complete: boolean
  seconds: number
}

type Archive = VerifiedArchive & { head: Head }

/**
 * Restores the rows that a cleanup has archived and deleted, exactly as they were, and takes them out of the histories, so
 * that no total moves: all of them or, if anything fails, none. Rows that are there stay as they are, so it can be
 * repeated. The archive is compared with its checksums first. It does not run together with a cleanup.
 * @param source folder of an archive, or of several; file of a stream; '-' for `stdin`
 * @throws WfstoreError failed if the archive is damaged, naming the file; conflict if it is of another database or the
 * histories do not have its rows; schema_differs if a table has no place for one of its columns; locked; usage;
 * schema_missing, schema_behind, schema_ahead, and errors of the server
 * @internal
 */
export async function restoreArchive(
  client: pg.ClientBase,
  source: string,
  options: RestoreOptions = {},
): Promise<RestoreResult> {
  checkNames('restore', options, OPTIONS)
  const began = performance.now()
  const layout = await checkSchema(client, { setsItsOwn: true })
  const { stdin } = options
  const done =
    source === '-' && stdin
      ? await withSpooled(stdin, options.signal, async (path) => {
          const archive = await verifyStream(path, { place: 'standard input' })
          return restoreAll(client, layout, [archive], archive.problems, options)
        })
      : await verifyArchive(source).then(({ archives, problems }) =>
          restoreAll(client, layout, archives, problems, options),
        )
  return { ...done, seconds: (performance.now() - began) / 1000 }
}

type Done = Omit<RestoreResult, 'seconds'>

const LOCK_WAIT_MS = 2000

async function restoreAll(
  client: pg.ClientBase,
  layout: Layout,
  verified: readonly VerifiedArchive[],
  problems: VerifiedArchive['problems'],
  options: RestoreOptions,
): Promise<Done> {
  assertSound(problems)
  // Without a head nothing was deleted.
  const archives = verified.filter((archive): archive is Archive => archive.head !== null)
  const { notice = () => {}, dryRun = false } = options
  for (const { place } of archives.filter(({ complete }) => !complete)) {
    notice(`the cleanup of ${place} was killed: the rows that it removed are restored`)
  }
  const pipelined = unpipelined(client)
  const session = client as pg.Client
  try {
    const schema = await schemaFor(session, undefined)
    const lock = { waitMs: LOCK_WAIT_MS, notice, doing: 'cleaning up' }
    return await withSettings(session, schema, () =>
      withAdvisoryLock(session, cleanupLock(schema), lock, async () => {
        try {
          await client.query(
            `begin isolation level read committed read write; ${UNHURRIED}; ${NO_TRANSACTION_TIMEOUT}; ${LINE_SETTINGS}; ${KEEPS_TOTALS}`,
          )
          if (layout === 'distributed') for (const setting of ON_NODES) await client.query(setting)
          const done = await restoreInTransaction(client, layout, archives, options)
          await client.query(dryRun ? 'rollback' : 'commit')
          return done
        } catch (error) {
          await rollback(session)
          if (error instanceof Fault)
            throw new WfstoreError(
              'failed',
              `the archive changed during the restore: it ${error.message}`,
            )
          throw databaseError(error, { connection: client })
        }
      }),
    )
  } finally {
    pipelined.restore()
  }
}

function assertSound(problems: VerifiedArchive['problems']): void {
  const [first, ...others] = problems
  if (!first) return
  const more = others.length > 0 ? `, and ${others.length} more` : ''
  throw new WfstoreError('failed', `${first.file} ${first.problem}${more}`, {
    hint: 'nothing was restored; run `wfstore archive verify` to list all problems; replace a damaged file with a copy, and move away a file that does not belong there',
  })
}

async function restoreInTransaction(
  client: pg.ClientBase,
  layout: Layout,
  archives: readonly Archive[],
  { copy = false, maxLineMiB, progress = () => {} }: RestoreOptions,
): Promise<Done> {
  const [restored, alreadyThere] = [noRows(), noRows()]
  const references: RestoredReferences[] = []
  const tables = await readTables(client)
  const cleanups = new Map<Archive, Cleanup>()
  for (const archive of archives) {
    assertColumns(archive.place, archive.head.columns, tables)
    if (!copy) cleanups.set(archive, await assertOurs(client, archive))
  }
  await createRestored(client, layout)
  const of = archives.reduce((sum, archive) => sum + rowsOf(archive), 0)
  let lines = 0
  // If two have a row, the later one has it as it was deleted.
  for (const archive of archives.toReversed()) {
    const before = lines
    const cleanup = cleanups.get(archive)
    await beginRestored(client, cleanup?.costTags ?? '{}')
    const moved = await restoreRows(client, archive, tables, {
      layout,
      copy,
      // Each removed row has a line, so with as many lines none has two.
      once: archive.lines.audit === cleanup?.audit,
      maxLineMiB,
      progress: (read) => {
        lines = Math.min(before + read, of)
        progress({ lines, of })
      },
    })
    addReferences(references, moved.references)
    assertNoMore(archive, moved.restored, cleanup)
    addRows(restored, moved.restored)
    addRows(alreadyThere, moved.alreadyThere)
  }
  if (!copy) await takeOut(client, layout)
  return {
    archives: archives.map(({ place, head, complete }) => ({
      place,
      cleanupId: head.cleanupId,
      cutoff: head.cutoff,
      complete,
    })),
    restored,
    alreadyThere,
    references,
    complete: archives.every(({ complete }) => complete),
  }
}

const rowsOf = ({ lines }: VerifiedArchive) => CLEANED.reduce((sum, kind) => sum + lines[kind], 0)

const cleanupShape = {
  outcome: d.text(),
  execution: d.count('executions_removed'),
  step: d.count('steps_removed'),
  audit: d.count('audit_removed'),
  metric: d.count('metrics_removed'),
  costTags: d.text('c.cost_tags::text'),
}
type Cleanup = d.RowOf<typeof cleanupShape>

/** Only the histories of its own database count an archive's rows, and that database knows how many were removed. */
async function assertOurs(client: pg.ClientBase, archive: Archive): Promise<Cleanup> {
  const { place, head, lines, complete } = archive
  const [cleanup] = await query(
    client,
    sql`select ${raw(d.selectList(cleanupShape, 'c'))} from wfstore_cleanups c where cleanup_id = ${head.cleanupId}`,
    cleanupShape,
  )
  if (!cleanup) {
    throw new WfstoreError('conflict', `${place} is of a cleanup of another database`, {
      hint: 'nothing was restored; name only archives of cleanups that `wfstore cleanup history` lists, or use `copy` to restore the rows alone into a scratch database',
    })
  }
  const fewer = CLEANED.find((kind) => lines[kind] < cleanup[kind])
  const ended = cleanup.outcome === 'done' || cleanup.outcome === 'stopped'
  if (fewer === undefined && (complete || !ended)) return cleanup
  const why =
    fewer === undefined
      ? 'its cleanup ended, but the archive has no end'
      : `its cleanup removed ${cleanup[fewer]} rows of ${fewer}s, and it has ${lines[fewer]}`
  throw new WfstoreError('failed', `${place} is truncated: ${why}`, {
    hint: 'nothing was restored; replace it with a copy, or use `copy` to restore what there is into a scratch database',
  })
}

/**
 * A cleanup that was killed between the disk and its commit has archived rows that it did not remove. If they are gone
 * now, a later cleanup has removed them, and they may have changed before that.
 */
function assertNoMore({ place }: Archive, restored: Removed, removed?: Removed): void {
  const more = removed && CLEANED.find((kind) => restored[kind] > removed[kind])
  if (!more) return
  throw new WfstoreError('conflict', `${place} has rows that a later cleanup removed`, {
    hint: 'nothing was restored; name the folder that has the archive of that cleanup as well',
  })
}
