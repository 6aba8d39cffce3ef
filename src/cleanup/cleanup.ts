import { setTimeout as delay } from 'node:timers/promises'
import type pg from 'pg'
import { assertNotCaptured } from '../db/captures.ts'
import { setLockTimeout, withAdvisoryLock } from '../db/migrate/lock.ts'
import { schemaFor, withSettings } from '../db/migrate/session.ts'
import { checkSchema, MIGRATIONS } from '../db/schema.ts'
import { advanceSequences } from '../db/sequences.ts'
import { readUnindexed, slowKeyWords } from '../db/unindexed.ts'
import { auditHistory, usageHistory } from '../tables/histories.ts'
import { unpipelined } from '../transfer/lines/copy.ts'
import { readTables } from '../transfer/lines/table.ts'
import { uuidv7 } from '../uuid.ts'
import { archiveColumns } from './archive/columns.ts'
import type { Work } from './batch.ts'
import { countCleanup } from './count.ts'
import { checkOptions, cutoffOf } from './cutoff.ts'
import { lossesOf, readEffects } from './effects.ts'
import { assertFiniteBefore } from './finite.ts'
import { readGuards } from './guards.ts'
import { cleanupLock, WRITE_WAIT_MS } from './lock.ts'
import { newestRuns } from './newest.ts'
import { assertKeepsNewestRun } from './newest-run.ts'
import { CAREFUL_SIZE } from './pace.ts'
import { type CleanupStore, storeOf } from './place.ts'
import { endedOf, recordArchive, recordBegin, recordEnd } from './record.ts'
import { assertNoCascade } from './references.ts'
import { watchReplicas } from './replicas.ts'
import type {
  ArchiveSink,
  ArchiveSummary,
  CleanupCounts,
  CleanupOptions,
  CleanupResult,
} from './types.ts'
import { unpricedWords } from './unpriced.ts'
import { worthVacuuming } from './vacuum.ts'
import { type Limits, type Walk, walkAll } from './walk.ts'

const INTERRUPTED_COUNT_MS = 200

/** The tables into which a cleanup inserts rows with a sequence. */
const HISTORIES = [usageHistory.name, auditHistory.name]

/** A cleanup that was just killed holds the lock until the server notices. */
const LOCK_WAIT_MS = 2000

/**
 * Removes runs that ended before the cutoff with their steps, audit entries unless their run is kept, and metrics. It never
 * removes an unfinished run or a bill. It works in small transactions. Each adds what it removes to the histories, so that
 * totals do not change. It can be interrupted at any time and run again. It needs its own session on the server, without a
 * transaction pooler.
 * @throws WfstoreError usage, conflict if it would remove the newest run, locked if another cleanup is running, failed if the archive cannot be written,
 * schema_missing, schema_behind, schema_ahead, and errors of the server
 * @internal
 */
export async function cleanup(
  client: pg.ClientBase,
  options: CleanupOptions,
): Promise<CleanupResult> {
  checkOptions(options)
  const pipelined = unpipelined(client)
  try {
    const session = client as pg.Client
    await assertNotCaptured(client)
    const schema = await schemaFor(session, undefined)
    const { notice = () => {} } = options
    const lock = { waitMs: LOCK_WAIT_MS, notice, doing: 'cleaning up' }
    return await withSettings(session, schema, async () => {
      const layout = await checkSchema(client)
      const result = await withAdvisoryLock(session, cleanupLock(schema), lock, async () => {
        await setLockTimeout(session, WRITE_WAIT_MS, 'session')
        return cleanLocked(await storeOf(client, layout), options)
      })
      const convert = result.archive ? options.archive?.convert : undefined
      return convert ? { ...result, archive: await convert(endedOf(client)) } : result
    })
  } finally {
    pipelined.restore()
  }
}

async function cleanLocked(store: CleanupStore, options: CleanupOptions): Promise<CleanupResult> {
  const { client } = store
  const began = performance.now()
  const { keepLast, archive: sink } = options
  const cutoff = await cutoffOf(client, options)
  const single = store.places.every(({ layout }) => layout === 'single')
  await assertNoCascade(client, single ? 'single' : 'distributed')
  await assertFiniteBefore(store, { cutoff, keepLast, guards: await readGuards(store) })
  if (options.allowAll !== true) {
    const count = () => countCleanup(client, { before: cutoff, keepLast })
    await assertKeepsNewestRun(store, { cutoff, keepLast }, count)
  }
  // Of the servers of a distributed store each has its own sequences.
  const advanced = single ? await advanceSequences(client, HISTORIES) : []
  if (advanced.length > 0)
    options.warning?.(
      `the sequence of ${advanced.join(' and ')} was behind its rows, as after logical replication; it was set to the last row`,
    )
  const cleanupId = uuidv7(Date.now())
  const { startedAt, costTags } = await recordBegin(client, {
    ...{ cleanupId, cutoff, keepLast, archive: sink?.place },
  })
  const effects = await readEffects(client)
  for (const line of lossesOf(effects, sink !== undefined)) options.warning?.(line)
  const unpriced = sink ? undefined : await unpricedWords(client, cutoff)
  if (unpriced !== undefined) options.warning?.(unpriced)
  const work: Work = {
    ...store,
    cleanupId,
    cutoff,
    costTags,
    newest: undefined,
    archive: undefined,
    guards: [],
  }
  let done: { walk: Walk; archive: ArchiveSummary | null; seconds: number }
  try {
    work.guards = await readGuards(store)
    if (keepLast !== undefined) work.newest = await newestRuns(store, keepLast)
    if (sink) {
      const tables = await readTables(client)
      const columns = archiveColumns(tables)
      const schema = MIGRATIONS.at(-1) as string
      await sink.open({ cleanupId, startedAt, cutoff, keepLast: keepLast ?? null, schema, columns })
      await recordArchive(client, cleanupId, sink.place)
      work.archive = { sink, tables, effects }
    }
    const slow = await readUnindexed(client)
    for (const key of slow) options.warning?.(slowKeyWords(key))
    const firstSize = slow.length > 0 ? CAREFUL_SIZE : undefined
    const walk = await walkAll(work, { ...limitsOf(options, began), firstSize })
    const archive = sink ? await closeArchive(work, sink, walk) : null
    await (walk.complete
      ? recordEnd(client, cleanupId, 'done', { rowsProtected: protectedIn(walk) })
      : recordEnd(client, cleanupId, 'stopped', {}))
    done = { walk, archive, seconds: (performance.now() - began) / 1000 }
  } catch (error) {
    await sink?.abandon().catch(() => {})
    const outcome = options.signal?.aborted ? 'stopped' : 'failed'
    // After a lost connection the next cleanup closes the row.
    await recordEnd(client, cleanupId, outcome, { error }).catch(() => {})
    throw error
  }
  const { walk, ...rest } = done
  return {
    ...(await resultOf(work, options, walk)),
    ...rest,
    rowsPerSecond: rate(walk, rest.seconds),
  }
}

/** Without removed rows no folder is created. A stream always gets an end. */
async function closeArchive({ client, cleanupId }: Work, sink: ArchiveSink, walk: Walk) {
  if (rowsOf(walk) > 0 || sink.isStream) return sink.finish()
  await sink.abandon()
  await recordArchive(client, cleanupId, null)
  return null
}

function limitsOf(options: CleanupOptions, began: number): Limits {
  const { maxDurationMs = Number.POSITIVE_INFINITY, signal, notice } = options
  const over = () => signal?.aborted === true || performance.now() - began >= maxDurationMs
  const left = () => Math.max(0, maxDurationMs - (performance.now() - began))
  /** An interruption also ends the pause. */
  const sleep = (ms: number) =>
    delay(Math.min(ms, left()), undefined, signal ? { signal } : {}).catch(() => {})
  const replicas = watchReplicas({ sleep, notice })
  return {
    ...options,
    over,
    rest: async (ms, { on }) => {
      if (ms > 0) await sleep(ms)
      await replicas.wait(over, on)
    },
  }
}

const rowsOf = ({ removed }: Walk): number =>
  removed.execution + removed.step + removed.audit + removed.metric

const protectedIn = ({ kept }: Walk): number =>
  kept.execution.protected + kept.audit.protected + kept.metric.protected

const rate = (walk: Walk, seconds: number): number =>
  seconds > 0 ? Math.round(rowsOf(walk) / seconds) : 0

async function resultOf(
  work: Work,
  { keepLast, signal }: CleanupOptions,
  { complete, removed, kept, batches }: Walk,
): Promise<Omit<CleanupResult, 'archive' | 'seconds' | 'rowsPerSecond'>> {
  const { client, cleanupId, cutoff } = work
  const count = (timeoutMs?: number) =>
    countCleanup(client, { before: cutoff, keepLast }, timeoutMs)
  let rest: CleanupCounts | undefined
  if (!complete) {
    // After an interruption there is little time to count.
    rest = await (signal?.aborted ? count(INTERRUPTED_COUNT_MS).catch(() => undefined) : count())
  }
  return {
    cleanupId,
    cutoff,
    keepLast: keepLast ?? null,
    outcome: complete ? 'done' : 'stopped',
    removed,
    kept,
    left: rest && Object.values(rest.remove).some((count) => count > 0) ? rest.remove : null,
    batches,
    vacuum: await worthVacuuming(work, removed),
  }
}
