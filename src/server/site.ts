import type { Writable } from 'node:stream'
import type pg from 'pg'
import type { Run } from '../db/query/query.ts'
import type { ReadFrom, ReplicaOptions } from '../db/replica/replica.ts'
import type { Caller, OldUser } from '../handler.ts'
import type { ExecutionFilter } from '../queries/table/filter.ts'
import type { SiteAccess } from './access/access.ts'
import type { CommandDescription } from './api/description.ts'

/** What the parts of the server share: who asks, the database, and the commands. */

export type { Caller, OldUser, Right } from '../handler.ts'

/** One connection, for one request. */
export interface SiteConnection {
  client: pg.ClientBase
  run: Run
  /**
   * The same for statements that read one thing by its id. On connections of the server they are prepared: to plan them takes
   * longer than to run them, and one plan suits all ids.
   */
  byId: Run
  /** The replica for reports of the server. */
  replica?: ReplicaOptions | undefined
  /** Where this report is read from, if the server has a replica. */
  from?: ReadFrom | undefined
}

/**
 * The database of a server. At most a number of requests use it at once; more wait. A statement is cancelled when the signal is
 * aborted, which is when the client leaves, or when it takes longer than `statement_timeout`.
 */
export interface SiteDatabase {
  /** The name of the database, for titles. */
  name: () => Promise<string>
  /** A connection that can only read. @throws WfstoreError, such as unreachable or schema_behind; busy as `locked` */
  read: <T>(signal: AbortSignal, work: (connection: SiteConnection) => Promise<T>) => Promise<T>
  /**
   * The same for reports, on the replica if there is one and it can be used. What is read may be some seconds old.
   * @param mayRepeat false if the work has begun to answer, so that it cannot be done again elsewhere
   */
  report: <T>(
    signal: AbortSignal,
    work: (connection: SiteConnection) => Promise<T>,
    mayRepeat?: () => boolean,
  ) => Promise<T>
  write: <T>(signal: AbortSignal, work: (connection: SiteConnection) => Promise<T>) => Promise<T>
  /** A connection that can write, without a check of the schema: for its migration. */
  unchecked: <T>(
    signal: AbortSignal,
    work: (connection: SiteConnection) => Promise<T>,
  ) => Promise<T>
  /** How many requests use the database, and how many wait for their turn. */
  load: () => { running: number; waiting: number }
}

/** A call of a command of wfstore in this process. */
export interface CommandCall {
  /** Such as ['executions', 'list', '--status=failed', '--output=json']. */
  words: readonly string[]
  connection: SiteConnection
  stdout: Writable
  /** Takes what the command line prints to stderr: notes for people. */
  note?: (line: string) => void
  /** Called with the cursor after the last row, if a list has more rows. */
  nextCursor?: (cursor: string) => void
  signal: AbortSignal
  /** Who carries out an action: it is recorded where the command line records its user. */
  caller?: string
}

/** The command line, as the server uses it. */
export interface CommandLine {
  /** @throws WfstoreError, in the words of the API: names of parameters instead of flags */
  run: (call: CommandCall) => Promise<void>
  /** The flags of a command, such as ['executions', 'list']. */
  describe: (command: readonly string[]) => Promise<CommandDescription>
  /**
   * The filter of `executions list` with these parameters, which are named like the flags without dashes.
   * @throws WfstoreError usage for an unknown parameter or an invalid value
   */
  readFilter: (parameters: URLSearchParams, connection: SiteConnection) => Promise<ExecutionFilter>
}

export interface Site {
  database: SiteDatabase
  commandLine: CommandLine
  access: SiteAccess
  /** The path below which the server is mounted: '' or such as '/wfstore'. */
  basePath: string
  /** Who sends a request to the routes of the old application, which are served only if this is set. */
  userOf?: ((request: Request) => OldUser | undefined | Promise<OldUser | undefined>) | undefined
  version: string
  /** The zone of times for browsers that name none (default: UTC). */
  timeZone?: string | undefined
  /** Whether actions are possible at all. */
  allowWrites: boolean
  /** The time of the server, for tests. */
  now: () => Date
  /** Aborted when the server stops: long answers, such as event streams, end. */
  stopping: AbortSignal
  /** Called with an error that a client gets as a status of 500 or more. */
  onError: (error: unknown) => void
}

/** What middleware has found out about a request. */
export interface SiteEnv {
  Variables: {
    caller: Caller
    /** The answer is one of the application, which has its own headers. */
    isForeign?: true
  }
}
