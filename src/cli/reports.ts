import type pg from 'pg'
import type { Environment } from '../db/connect/libpq.ts'
import type { Settings } from './config/settings.ts'
import type { Io } from './io.ts'
import type { GlobalOptions } from './options/global.ts'
import { guardStream } from './output/stream.ts'

interface Surroundings {
  io: Io
  env: Environment
  note: (options: GlobalOptions, line: string) => void
}

export interface ReportsReader {
  /**
   * A connection of a command that reads: to a replica if one is set and can be used, with a note. Undefined: the primary answers.
   * @param primary connects to it
   */
  read: (
    options: GlobalOptions,
    settings: Settings,
    primary: () => Promise<pg.Client>,
  ) => Promise<pg.Client | undefined>
  /** Whether the command runs again after this error: on the replica once more, then on the primary. */
  repeats: (error: unknown) => Promise<boolean>
}

/** The replica of a command. Without one, nothing is loaded. */
export function reportsReader({ io, env, note }: Surroundings): ReportsReader {
  /** The replica that the command reads from, and how often that has failed. */
  let used: { label: string; options: GlobalOptions } | undefined
  let failures = 0
  return {
    read: async (options, settings, primary) => {
      const isSet = options.reportsUrl ?? settings.profile?.of.reports ?? env.WFSTORE_REPORTS_URL
      if (!isSet || !settings.traits.reads || failures > 1) return undefined
      const { connectReplica } = await import('./replica.ts')
      const reading = await connectReplica({ env, options, settings }, primary)
      if (!reading) return undefined
      note(options, reading.note)
      used = reading.replica && { label: reading.label, options }
      return reading.replica ?? reading.primary
    },
    repeats: async (error) => {
      // After the second failure the primary has answered.
      if (!used || failures > 1 || io.signal.aborted || guardStream(io.stdout).used()) return false
      const { isRecoveryConflict } = await import('../db/query/errors.ts')
      const { failureOf } = await import('../db/replica/failure.ts')
      const why = failureOf(error)
      if (why === undefined) return false
      failures = isRecoveryConflict(error) ? failures + 1 : 2
      const { refusedNote } = await import('../db/replica/words.ts')
      const { label, options } = used
      note(
        options,
        failures > 1
          ? refusedNote(label, why)
          : `the replica ${label} has cancelled the query; repeating it`,
      )
      return true
    },
  }
}
