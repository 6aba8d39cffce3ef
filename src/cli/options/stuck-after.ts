import type { Command } from 'commander'
import { type Duration, parseSpan } from './span.ts'

export interface StuckOptions {
  stuckAfter?: Duration
}

/** The default is that of the library: STUCK_AFTER_MS. */
export const addStuckAfter = (command: Command): Command =>
  command.option(
    '--stuck-after <duration>',
    'stuck: no write for this long (default: 10m)',
    parseSpan,
  )
