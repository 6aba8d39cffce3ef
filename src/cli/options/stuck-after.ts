import type { Command } from 'commander'
import { parseSpan, type Span } from './span.ts'

export interface StuckOptions {
  stuckAfter?: Span
}

/** The default is that of the library: STUCK_AFTER_MS. */
export const addStuckAfter = (command: Command): Command =>
  command.option(
    '--stuck-after <duration>',
    'stuck: no write for this long (default: 10m)',
    parseSpan,
  )
