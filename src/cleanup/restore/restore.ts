import type { Readable } from 'node:stream'
import type pg from 'pg'
import { withAdvisoryLock } from '../../db/migrate/lock.ts'
import { schemaFor, withSettings } from '../../db/migrate/session.ts'
import * as d from '../../db/query/decode.ts'
import { databaseError } from '../../db/query/errors.ts'
import { query } from '../../db/query/query.ts'
import { rollback } from '../../db/query/transaction.ts'
import { checkSchema } from '../../db/schema.ts'
import { WfstoreError } from '../../error.ts'
import { UNHURRIED, unpipelined } from '../../transfer/lines/copy.ts'
import { LINE_SETTINGS } from '../../transfer/lines/line.ts'
import { readTables } from '../../transfer/lines/table.ts'
import { assertColumns } from '../archive/columns.ts'
import { addRows, type Head, noRows } from '../archive/form.ts'
import { Fault } from '../archive/verify/faults.ts'
import { verifyStream } from '../archive/verify/stream.ts'
import { type VerifiedArchive, verifyArchive } from '../archive/verify/verify.ts'
import { cleanupLock, NO_TRANSACTION_TIMEOUT } from '../lock.ts'
import { CLEANED, type Removed } from '../types.ts'
import { createRestored, takeOut } from './history.ts'
import { restoreRows } from './rows.ts'
import { withSpooled } from './spool.ts'

export interface RestoreOptions {
  /** Does all of it, and takes it back: what it tells is what would have been. */
  dryRun?: boolean | undefined
  /** Rows alone, of whatever database: the histories stay as they are. For a scratch database to look at old runs. */
  copy?: boolean | undefined
  /** What '-' is read from. */
  stdin?: Readable | undefined
  /** Told how many of the lines have been sent. */
  progress?: ((progress: { lines: number; of: number }) => void) | undefined
  notice?: ((line: string) => void) | undefined
}

export interface RestoreResult {
  /** In the order in which their cleanups began. */
  archives: { place: string; cleanupId: string; cutoff: string; complete: boolean }[]
  restored: Removed
  /** Rows that were never deleted, or had been restored before. */
  alreadyThere: Removed
  /** No cleanup of them was killed. */
  complete: boolean
  seconds: number
}

type Archive = VerifiedArchive & { head: Head }

/**
 * Brings back what a cleanup has archived and deleted, byte for byte, and takes it out of the histories again, so that
 * no total moves: all of it or, where anything fails, nothing. Rows that are there are left as they are, so that it can
 * be repeated. The archive is read and compared with its checksums first. It waits for no cleanup, and no cleanup
 * begins meanwhile.
 * @param source folder of an archive, or of several; file of a stream; '-' for `stdin`
 * @throws WfstoreError failed where the archive is damaged, naming the file; conflict where it is of another database or
 * the histories do not hold its rows; schema_differs where a table lacks one of its columns; locked; usage;
 * schema_missing, schema_behind, schema_ahead, and whatever the server says
 * @internal
 */
export async function restoreArchive(
  client: pg.ClientBase,
  source: string,
  options: RestoreOptions = {},
): Promise<RestoreResult> {
  const began = performance.now()
  await checkSchema(client)
  const { stdin } = options
  const done =
    source === '-' && stdin
      ? await withSpooled(stdin, async (path) => {
          const archive = await verifyStream(path, { place: 'standard input' })
          return restoreAll(client, [archive], archive.problems, options)
        })
      : await verifyArchive(source).then(({ archives, problems }) =>
          restoreAll(client, archives, problems, options),
        )
  return { ...done, seconds: (performance.now() - began) / 1000 }
}

type Done = Omit<RestoreResult, 'seconds'>

const LOCK_WAIT_MS = 2000

async function restoreAll(
  client: pg.ClientBase,
  verified: readonly VerifiedArchive[],
  problems: VerifiedArchive['problems'],
  options: RestoreOptions,
): Promise<Done> {
  assertSound(problems)
  // Without a head nothing was deleted.
  const archives = verified.filter((archive): archive is Archive => archive.head !== null)
  const { notice = () => {}, dryRun = false } = options
  for (const { place } of archives.filter(({ complete }) => !complete)) {
    notice(`${place} is of a cleanup that was killed: what it says it removed is restored`)
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
            `begin isolation level read committed read write; ${UNHURRIED}; ${NO_TRANSACTION_TIMEOUT}; ${LINE_SETTINGS}`,
          )
          const done = await restoreInTransaction(client, archives, options)
          await client.query(dryRun ? 'rollback' : 'commit')
          return done
        } catch (error) {
          await rollback(session)
          if (error instanceof Fault)
            throw new WfstoreError(
              'failed',
              `the archive was changed meanwhile: it ${error.message}`,
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
    hint: 'nothing was restored; bring the file back from a copy, or move a strange one away: `wfstore archive verify` lists them all',
  })
}

async function restoreInTransaction(
  client: pg.ClientBase,
  archives: readonly Archive[],
  { copy = false, progress = () => {} }: RestoreOptions,
): Promise<Done> {
  const [restored, alreadyThere] = [noRows(), noRows()]
  const tables = await readTables(client)
  const removed = new Map<Archive, Removed>()
  for (const archive of archives) {
    assertColumns(archive.place, archive.head.columns, tables)
    if (!copy) removed.set(archive, await assertOurs(client, archive))
  }
  await createRestored(client)
  const of = archives.reduce((sum, archive) => sum + rowsOf(archive), 0)
  let lines = 0
  // Where two hold a row, the later one has it as it was deleted.
  for (const archive of archives.toReversed()) {
    const before = lines
    const moved = await restoreRows(client, archive, tables, (read) => {
      lines = Math.min(before + read, of)
      progress({ lines, of })
    })
    assertNoMore(archive, moved.restored, removed.get(archive))
    addRows(restored, moved.restored)
    addRows(alreadyThere, moved.alreadyThere)
  }
  if (!copy) await takeOut(client)
  return {
    archives: archives.map(({ place, head, complete }) => ({
      place,
      cleanupId: head.cleanupId,
      cutoff: head.cutoff,
      complete,
    })),
    restored,
    alreadyThere,
    complete: archives.every(({ complete }) => complete),
  }
}

const rowsOf = ({ lines }: VerifiedArchive) => CLEANED.reduce((sum, kind) => sum + lines[kind], 0)

const removedShape = {
  outcome: d.text(),
  execution: d.count('executions_removed'),
  step: d.count('steps_removed'),
  audit: d.count('audit_removed'),
  metric: d.count('metrics_removed'),
}

/** Only the histories of its own database hold an archive's rows, and that database knows how many were removed. */
async function assertOurs(client: pg.ClientBase, archive: Archive): Promise<Removed> {
  const { place, head, lines, complete } = archive
  const [cleanup] = await query(
    client,
    `select ${d.selectList(removedShape, 'c')} from cleanups c where cleanup_id = $1`,
    [head.cleanupId],
    removedShape,
  )
  if (!cleanup) {
    throw new WfstoreError('conflict', `${place} is of a cleanup of another database`, {
      hint: 'nothing was restored; --copy restores rows alone, into a scratch database for example. Of a folder that several databases archive to, name the archives of this one; and cleanups must still have the row of each',
    })
  }
  const fewer = CLEANED.find((kind) => lines[kind] < cleanup[kind])
  const ended = cleanup.outcome === 'done' || cleanup.outcome === 'stopped'
  if (fewer === undefined && (complete || !ended)) return cleanup
  const why =
    fewer === undefined
      ? 'its cleanup came to its end, which the archive lacks'
      : `its cleanup removed ${cleanup[fewer]} rows of ${fewer}s, and it has ${lines[fewer]}`
  throw new WfstoreError('failed', `${place} is truncated: ${why}`, {
    hint: 'nothing was restored; bring it back from a copy, or see what there is with --copy in a scratch database',
  })
}

/**
 * A cleanup that was killed between the disk and its commit has written rows that it did not remove. Where they are gone
 * by now, a later cleanup took them, perhaps as somebody had changed them since.
 */
function assertNoMore({ place }: Archive, restored: Removed, removed?: Removed): void {
  const more = removed && CLEANED.find((kind) => restored[kind] > removed[kind])
  if (!more) return
  throw new WfstoreError('conflict', `${place} has rows that a later cleanup removed`, {
    hint: 'nothing was restored; name the folder that holds the archive of that cleanup, too',
  })
}
