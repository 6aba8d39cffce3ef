import { type Command, InvalidArgumentError } from 'commander'
import { WfstoreError } from '../../../error.ts'
import type { Io } from '../../io.ts'
import type { GlobalOptions } from '../../options/global.ts'
import { parseSpan, type Span } from '../../options/span.ts'
import { parseText } from '../../options/text.ts'
import { parseTime } from '../../options/time.ts'

export interface CleanupFlags extends GlobalOptions {
  days?: number
  before?: string
  keepLast?: number
  dryRun?: boolean
  archive?: string
  batchSize?: number
  pause?: number
  maxDuration?: Span
  yes?: boolean
  quiet?: boolean
}

const MOST_DAYS = 36_500
const LARGEST_BATCH = 1_000_000
const HOW_OLD = 'give --days 90, or --before 2024-12-01'

export function addCleanupOptions(command: Command): Command {
  return command
    .option('--days <n>', 'remove what is older than so many days of 24 hours', parseDays)
    .option('--before <time>', 'remove what is older: 90d, 2026-11-01, RFC 3339')
    .option('--keep-last <n>', 'keep the newest so many runs of every workflow', parseKeepLast)
    .option('--dry-run', 'count, and change nothing')
    .option('--archive <place>', 'first write the rows to this folder; - is stdout', parseText)
    .option('--batch-size <n>', 'rows of one transaction at most (default: 20000)', parseBatchSize)
    .option('--pause <time>', 'between batches: 50ms, 2s (default: a tenth of a batch)', parsePause)
    .option('--max-duration <time>', 'begin no batch after so long: 30m, 2h', parseSpan)
    .option('-y, --yes', 'do not ask on a terminal')
    .option('-q, --quiet', 'nothing on stderr unless something is wrong')
}

export type HowOld = { days: number } | { before: string }

/** What is to be removed. @throws WfstoreError usage where that, or an option beside it, is not clear */
export async function readCutoff(flags: CleanupFlags, io: Io): Promise<HowOld> {
  const { days, before, archive } = flags
  if (days !== undefined && before !== undefined)
    throw new WfstoreError('usage', '--days and --before contradict each other', {
      hint: 'give one of them',
    })
  if (days === undefined && before === undefined)
    throw new WfstoreError('usage', 'cleanup wants to be told how old is too old', {
      hint: HOW_OLD,
    })
  if (archive === '-' && io.stdout.isTTY)
    throw new WfstoreError('usage', '--archive - writes the archive to stdout, a terminal here', {
      hint: 'pipe it to what keeps it, or give a folder',
    })
  if (days !== undefined) return { days }
  const { at } = await parseTime('--before', before as string, io.now(), flags.tz ?? 'UTC')
  if (Date.parse(at) > io.now().getTime())
    throw new WfstoreError('usage', `--before ${before} is in the future`, { hint: HOW_OLD })
  return { before: at }
}

const whole = (text: string) => (/^\d{1,9}$/.test(text) ? Number(text) : 0)

function parseDays(text: string): number {
  const days = whole(text)
  if (days < 1 || days > MOST_DAYS)
    throw new InvalidArgumentError(`Give a whole number of days from 1 to ${MOST_DAYS}`)
  return days
}

function parseKeepLast(text: string): number {
  const count = whole(text)
  if (count < 1) throw new InvalidArgumentError('Give a whole number of runs from 1')
  return count
}

function parseBatchSize(text: string): number {
  const size = whole(text)
  if (size < 1 || size > LARGEST_BATCH)
    throw new InvalidArgumentError(`Give a whole number of rows from 1 to ${LARGEST_BATCH}`)
  return size
}

/** Milliseconds. */
function parsePause(text: string): number {
  if (text === '0') return 0
  const [, ms] = /^(\d{1,7})ms$/.exec(text) ?? []
  if (ms !== undefined) return Number(ms)
  try {
    return parseSpan(text).ms
  } catch {
    throw new InvalidArgumentError('Give a length of time such as 50ms, 2s or 1m; 0 is none')
  }
}
