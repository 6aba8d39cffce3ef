import { resolve } from 'node:path'
import type { Command } from 'commander'
import type pg from 'pg'
import { newestRunWords } from '../../../cleanup/newest-run-words.ts'
import type { ArchiveSink, CleanupCounts, CleanupOptions, Removed } from '../../../cleanup/types.ts'
import { readUnindexed, slowKeyWords } from '../../../db/unindexed.ts'
import { WfstoreError } from '../../../error.ts'
import { isPassage, isStdout } from '../../../passage.ts'
import type { Context } from '../../context.ts'
import { explain } from '../../help/page.ts'
import type { Io } from '../../io.ts'
import { checkFileMode } from '../../options/file-mode.ts'
import { prints } from '../../output/printed.ts'
import { isAttended } from '../../terminal/confirm.ts'
import { noProgress, startProgress, withProgress } from '../../terminal/progress.ts'
import { version } from '../../version.ts'
import { countsColumns, resultColumns } from './columns.ts'
import { addCleanupOptions, type CleanupFlags, type HowOld, readCutoff } from './options.ts'
import { checkColumns, drawCounts, drawResult, printReport } from './output.ts'
import {
  cutoffText,
  lockedWords,
  questionOf,
  removedRows,
  removedWords,
  resultLine,
} from './words.ts'

export function define(cleanup: Command, context: Context): void {
  prints(cleanup, 'record', countsColumns, { flag: 'dry-run' })
  prints(cleanup, 'record', resultColumns, {
    kinds: { seconds: 'duration', rowsPerSecond: 'duration' },
  })
  explain(cleanup, {
    exit: '5 if another cleanup is running, or another session has locked rows.',
    examples: ['wfstore cleanup --days 90 --archive /var/archive --quiet'],
  })
  addCleanupOptions(cleanup.usage('[options] [command]'))
    .description('Remove old runs and their data. Totals and bills are kept.')
    .action(() => runCleanup(context, cleanup.optsWithGlobals<CleanupFlags>()))
}

async function runCleanup(context: Context, given: CleanupFlags): Promise<void> {
  const flags = { ...given, ...(isStdout(given.archive ?? '') ? { archive: '-' } : {}) }
  const { io } = context
  const howOld = await readCutoff(flags, context)
  checkColumns(flags)
  checkFileMode(flags.fileMode, (flags.archive ?? '-') !== '-', '--archive with a folder')
  checkFormat(flags)
  const archive = flags.dryRun ? undefined : await sinkOf(flags, io)
  const client = await context.connect(flags)
  const { keepLast, allowAll } = flags
  const request = { ...(await howOld()), keepLast, allowAll }
  const { countCleanup } = await import('../../../cleanup/count.ts')
  const { lossesOf, readEffects } = await import('../../../cleanup/effects.ts')
  /** What no restore brings back is named before the question, once. */
  const warned = new Set<string>()
  const warn = (line: string) => {
    if (!flags.quiet && !warned.has(line)) context.writer(flags).note(`warning: ${line}`)
    warned.add(line)
  }
  const { unpricedWords } = await import('../../../cleanup/unpriced.ts')
  const warnOfLosses = async (cutoff: string) => {
    lossesOf(await readEffects(client), flags.archive !== undefined).forEach(warn)
    const unpriced = flags.archive === undefined ? await unpricedWords(client, cutoff) : undefined
    if (unpriced !== undefined) warn(unpriced)
  }
  if (flags.dryRun) {
    // It checks the schema first.
    const counts = await withProgress(io, () => countCleanup(client, request))
    await warnOfLosses(counts.cutoff)
    const newest = newestRunWords(counts)
    if (newest !== undefined)
      warn(`${newest}; with --yes or without a terminal it needs --allow-all`)
    await printReport(context, flags, (writer) => drawCounts(writer, flags, counts))
    if (!flags.quiet) {
      const { note } = context.writer(flags)
      for (const key of await readUnindexed(client)) note(`warning: ${slowKeyWords(key)}`)
      note(`older than ${cutoffText(counts.cutoff)}; nothing was changed; bills are kept`)
    }
    return
  }
  const { assertDirect } = await import('../../../db/connect/pooler.ts')
  await assertDirect(client, () => context.connect(flags))
  if (flags.yes || !isAttended(io))
    return clean(context, flags, client, { ...request, archive }, warn)
  const counts = await withProgress(io, () => countCleanup(client, request))
  // Do not ask if there is nothing to remove.
  if (removedRows(counts.remove) > 0) {
    await warnOfLosses(counts.cutoff)
    await context.confirm(questionOf(counts, flags.archive), { unattended: 'proceed' })
  }
  // Remove only what was confirmed, not rows that became old during the prompt.
  const agreed = { ...request, allowAll: true, archive, days: undefined, before: counts.cutoff }
  return clean(context, flags, client, agreed, warn, counts)
}

/** How long an interruption waits for the current batch; the process exits within a second. */
const PATIENCE_MS = 700

async function clean(
  context: Context,
  flags: CleanupFlags,
  client: pg.Client,
  request: Partial<HowOld> & Pick<CleanupOptions, 'keepLast' | 'allowAll' | 'archive'>,
  warn: (line: string) => void,
  counts?: CleanupCounts,
): Promise<void> {
  const { io } = context
  const watched = io.stderr.isTTY === true && !flags.quiet
  const progress = watched ? startProgress(io) : noProgress
  const note = (line: string) => {
    progress.clear()
    if (watched) context.writer(flags).note(line)
  }
  const total = counts && removedRows(counts.remove)
  let soFar: Readonly<Removed> = { execution: 0, step: 0, audit: 0, metric: 0 }
  const { cleanup } = await import('../../../cleanup/cleanup.ts')
  const work = cleanup(client, {
    ...request,
    batchSize: flags.batchSize,
    pauseMs: flags.pause,
    maxDurationMs: flags.maxDuration?.ms,
    signal: io.signal,
    notice: note,
    warning: (line) => {
      progress.clear()
      warn(line)
    },
    progress: (removed) => {
      soFar = { ...removed }
      progress.show(removedRows(removed), 'rows removed', total)
    },
  })
  context.atEnd(async () => {
    if (!io.signal.aborted) return
    const enough = new AbortController()
    const patience = io.sleep(PATIENCE_MS, enough.signal)
    patience.catch(() => {})
    const ended = await Promise.race([work, patience]).catch(() => undefined)
    enough.abort()
    progress.clear()
    const text = ended
      ? resultLine(ended, true)
      : `interrupted; removed so far: ${removedWords(soFar)}`
    context.writer(flags).note(text)
  })
  const result = await progress.during(() => work).finally(progress.clear)
  // After an interruption, atEnd has printed the result.
  if (io.signal.aborted) return
  await printReport(context, flags, (writer) => drawResult(writer, flags, result))
  if (result.vacuum.length > 0)
    note(`to free the space now, run: vacuum (analyze) ${result.vacuum.join(', ')}`)
  const locked = lockedWords(result.kept)
  if (locked !== '')
    throw new WfstoreError(
      'locked',
      `rows locked by another session were not removed: ${[locked, ...result.kept.lockedBy].join('; ')}`,
      { hint: 'run it again later; `wfstore doctor` shows the session' },
    )
}

function checkFormat({ archive = '-', format }: CleanupFlags): void {
  if (format === undefined || archive !== '-') return
  throw new WfstoreError('usage', '--format requires --archive with a folder', {
    hint: 'leave it out: a stream has JSON lines',
  })
}

async function sinkOf(flags: CleanupFlags, io: Io): Promise<ArchiveSink | undefined> {
  const { archive: place } = flags
  if (place === undefined) return undefined
  if (place === '-' && io.stdout.isTTY === true)
    throw new WfstoreError('usage', '--archive - cannot write to a terminal', {
      hint: 'redirect stdout to a file or a pipe, or name a folder',
    })
  const path = resolve(io.cwd, place)
  if (place === '-' || (await isPassage(path))) {
    checkFileMode(flags.fileMode, false, '--archive with a folder')
    checkFormat({ ...flags, archive: '-' })
    const { archiveToStream } = await import('../../../cleanup/archive/write/stream.ts')
    return archiveToStream(place === '-' ? io.stdout : path, { wfstoreVersion: version })
  }
  const { archiveInFolder } = await import('../../../cleanup/archive/write/folder.ts')
  return archiveInFolder(path, {
    wfstoreVersion: version,
    fileMode: flags.fileMode,
    format: flags.format,
  })
}
