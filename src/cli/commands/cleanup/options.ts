import { type Command, InvalidArgumentError } from 'commander'
import type { ArchiveFormat } from '../../../cleanup/types.ts'
import { WfstoreError } from '../../../error.ts'
import type { Context } from '../../context.ts'
import { fileMode } from '../../options/file-mode.ts'
import { boundOf } from '../../options/filter.ts'
import type { GlobalOptions } from '../../options/global.ts'
import { type Duration, parseSpan } from '../../options/span.ts'
import { readTime } from '../../options/time.ts'
import { parseText, wholeNumber } from '../../options/values.ts'

export interface CleanupFlags extends GlobalOptions {
  days?: number
  before?: string
  keepLast?: number
  allowAll?: boolean
  dryRun?: boolean
  archive?: string
  format?: ArchiveFormat
  fileMode?: number
  batchSize?: number
  pause?: number
  maxDuration?: Duration
  yes?: boolean
  quiet?: boolean
}

const MOST_DAYS = 36_500
const LARGEST_BATCH = 1_000_000
const HOW_OLD = 'for example --days 90 or --before 2024-12-01'

export function addCleanupOptions(command: Command): Command {
  return command
    .option('--days <n>', 'remove data older than <n> days of 24 hours', wholeNumber(1, MOST_DAYS))
    .option('--before <time>', 'remove data older than 90d, 2026-11-01, RFC 3339')
    .option('--keep-last <n>', 'keep the newest <n> runs of each workflow', wholeNumber(1))
    .option('--allow-all', 'allow it to remove even the newest finished run')
    .option('--dry-run', 'count the rows; change nothing')
    .option('--archive <folder>', 'archive first in this folder or FIFO; - for stdout', parseText)
    .option('--format <name>', 'format of the archive: jsonl (default), parquet', parseFormat)
    .option(...fileMode)
    .option(
      '--batch-size <n>',
      'maximum rows per transaction (default: 20000)',
      wholeNumber(1, LARGEST_BATCH),
    )
    .option('--pause <duration>', 'pause between batches (default: 1/10 of batch time)', parsePause)
    .option('--max-duration <duration>', 'start no new batch after this time: 30m, 2h', parseSpan)
    .option('-y, --yes', 'skip the confirmation prompt')
    .option('-q, --quiet', 'print only errors to stderr')
}

export type HowOld = { days: number } | { before: string }

/**
 * Reads --days or --before. The result is called when there is a connection: a span goes by the clock of the server.
 * @throws WfstoreError usage if the options are missing or contradictory
 */
export async function readCutoff(
  flags: CleanupFlags,
  context: Context,
): Promise<() => Promise<HowOld>> {
  const { io } = context
  const { days, before, archive } = flags
  if (days !== undefined && before !== undefined)
    throw new WfstoreError('usage', '--days and --before cannot be used together', {
      hint: 'use only one of them',
    })
  if (days === undefined && before === undefined)
    throw new WfstoreError('usage', '--days or --before is required', { hint: HOW_OLD })
  if (archive === '-' && io.stdout.isTTY)
    throw new WfstoreError('usage', '--archive - cannot write to a terminal', {
      hint: 'redirect stdout to a file or a pipe, or name a folder',
    })
  if (days !== undefined) return async () => ({ days })
  const time = await readTime('--before', before as string, flags.tz ?? 'UTC')
  return async () => ({ before: (await boundOf(time, context, flags)).at })
}

const FORMATS: readonly string[] = ['jsonl', 'parquet'] satisfies ArchiveFormat[]

function parseFormat(text: string): ArchiveFormat {
  if (FORMATS.includes(text)) return text as ArchiveFormat
  throw new InvalidArgumentError(`It must be ${FORMATS.join(' or ')}`)
}

/** Milliseconds. */
function parsePause(text: string): number {
  if (text === '0') return 0
  const [, ms] = /^(\d{1,7})ms$/.exec(text) ?? []
  if (ms !== undefined) return Number(ms)
  try {
    return parseSpan(text).ms
  } catch {
    throw new InvalidArgumentError('It must be a duration such as 50ms, 2s or 1m, or 0')
  }
}
