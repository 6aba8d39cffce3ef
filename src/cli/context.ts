import { Writable } from 'node:stream'
import type pg from 'pg'
import type { Environment } from '../db/connect/libpq.ts'
import type { LazyPool } from '../db/connect/pool.ts'
import type { Target } from '../db/connect/target.ts'
import type { Run } from '../db/query/query.ts'
import type { ReplicaOptions } from '../db/replica/replica.ts'
import { WfstoreError } from '../error.ts'
import type { ClientStore } from '../store.ts'
import type { Production, Settings } from './config/settings.ts'
import { type Io, widthOfNotes } from './io.ts'
import { type GlobalOptions, type TargetOptions, useColor } from './options/global.ts'
import { formatOf } from './options/output.ts'
import { createWriter, type Writer } from './output/writer.ts'
import { reportsReader } from './reports.ts'
import type { Question } from './terminal/confirm.ts'
import { trustQuestion } from './terminal/trust.ts'

/** A connection of a server, which opens and closes it and has checked its schema. */
export interface GivenConnection {
  client: pg.ClientBase
  run: Run
  /** Called with the cursor after the last row, if a list has more rows. */
  onCursor?: ((cursor: string) => void) | undefined
  /** The replica of the server. */
  replica?: Omit<ReplicaOptions, 'primary'> | undefined
  /** Who carries out an action of the server. */
  caller?: string | undefined
}

/** What a command gets from its surroundings. */
export interface Context {
  io: Io
  env: Environment
  /** The settings from the config for this command. */
  settings: () => Settings
  /** Connects to the chosen database. The connection ends with the command; an interruption cancels the running query. */
  connect: (options: TargetOptions) => Promise<pg.Client>
  /** The connection of a server, which is used instead of a database that is chosen. */
  given: GivenConnection | undefined
  /**
   * The current time by the clock of the server, from which stored times are. It is asked once for each command. From then
   * on, ages on a terminal are by it.
   */
  now: (options: TargetOptions) => Promise<Date>
  /** The store on this database. It is opened on first use and closed when the command ends. */
  store: (options: TargetOptions) => Promise<ClientStore>
  /** Several connections to this database, for a command that runs until it is interrupted. They are closed when it ends. */
  pool: (options: TargetOptions, connections?: number) => Promise<LazyPool>
  /** The replica for reports of this database, if one is set. Its connections are closed when the command ends. */
  replica: (
    options: TargetOptions,
    connections: number,
  ) => Promise<Omit<ReplicaOptions, 'primary'> | undefined>
  /** The database, if the config marks it as production and there is a terminal. */
  production: () => Production | undefined
  /**
   * Asks for confirmation on the terminal. For a production database the answer is the name of the profile.
   * @throws WfstoreError failed if the answer is no, usage if there is no terminal
   */
  confirm: (question: string, options: Question) => Promise<void>
  /** Runs a function when the command has ended or was interrupted, before its connections are closed. */
  atEnd: (last: () => Promise<void>) => void
  /** Creates a writer for the output of the command. */
  writer: (options: GlobalOptions & { page?: boolean }) => Writer
  /**
   * The output of a command as text, including notes, as this terminal would show it.
   * @param zoneNamed true if the time zone is named elsewhere on the screen
   */
  frame: (
    options: GlobalOptions,
    draw: (writer: Writer) => Promise<void>,
    zoneNamed?: boolean,
  ) => Promise<string>
}

interface Connecting {
  /** Called when the login request has been sent. */
  asked?: () => void
  /** Do not wait until the server has ended the session and released its locks. */
  end?: 'leave'
}

export function createContext(
  io: Io,
  env: Environment,
  settings: () => Settings,
  given?: GivenConnection,
): Context & {
  close: () => Promise<void>
  /** Runs the command, again if a replica could not answer and nothing is printed yet. */
  repeating: (work: () => Promise<unknown>) => Promise<void>
} {
  const closers: (() => Promise<void>)[] = []
  let store: Promise<ClientStore> | undefined
  let guarded = false
  /** The last connection, and whether it was made only to ask for the time. */
  let latest: pg.Client | undefined
  let isSpare = false
  /** How to compute the time of the server. */
  let clock: (() => Date) | undefined = io.serverNow
  let production: Production | undefined
  const reports = reportsReader({ io, env, note: (options, line) => writer(options).note(line) })
  const choose = async (options: TargetOptions): Promise<Target> => {
    if (given) throw new WfstoreError('failed', 'a command in a server has only one connection')
    const { chooseDatabase } = await import('../db/connect/target.ts')
    const { databaseUrl: url, schema, create = false, ignoreEnvironment = false } = options
    const { config, traits } = settings()
    const note = (line: string) => writer(options).note(line)
    const rules = config && (await import('./config/database.ts'))
    const target = await chooseDatabase({
      url,
      ...rules?.profileDatabase(settings(), io, env, options),
      schema,
      create,
      env: ignoreEnvironment && url === undefined ? withoutDatabase(env) : env,
      // The user may have wanted another database.
      created: () => note(`created an embedded database in ${io.cwd}/.wfstore`),
      confirm: trustQuestion(io),
      install: {
        env,
        note,
        signal: io.signal,
      },
      cwd: io.cwd,
      applicationName: `wfstore ${traits.path}`,
    })
    // Only for the first connection of a command.
    if (!guarded)
      production = await rules?.guardProduction(settings(), { io, env, target, options })
    guarded = true
    return target
  }
  const connect = async (options: TargetOptions, { asked, end }: Connecting = {}) => {
    if (given) return given.client as pg.Client
    if (isSpare && latest) {
      isSpare = false
      return latest
    }
    const { cancelQuery, connectClient, leaveServer, reachedBy } = await import(
      '../db/connect/connect.ts'
    )
    const target = await choose(options)
    const primary = () => connectClient(target, asked)
    const client = (await reports.read(options, settings(), primary)) ?? (await primary())
    // After a lost connection its process id may belong to another session: do not cancel it.
    let lost = false
    latest = client
    client.once('end', () => {
      lost = true
      if (latest === client) latest = undefined
    })
    const close = async () => {
      if (io.signal.aborted && !lost) await cancelQuery(client, reachedBy(client) ?? target)
      if (end === 'leave') await leaveServer(client)
      else await client.end()
    }
    // After an interruption the closers have already run.
    if (io.signal.aborted) await close()
    else closers.push(close)
    return client
  }
  const now = async (options: TargetOptions): Promise<Date> => {
    if (clock === undefined) {
      const { query } = await import('../db/query/query.ts')
      const { serverTime } = await import('../db/query/server-time.ts')
      if (!latest && !given) {
        await connect(options)
        isSpare = true
      }
      const client = latest as pg.Client
      const time = await serverTime(
        given?.run ?? ((statement, shape) => query(client, statement, shape)),
      )
      const asked = performance.now()
      clock = () => new Date(time.getTime() + performance.now() - asked)
    }
    return clock()
  }
  const openStore = async (options: TargetOptions): Promise<ClientStore> => {
    if (given) return (await import('../store.ts')).storeOnGiven(given)
    let loading: Promise<typeof import('../store.ts')> | undefined
    // Load the module while the server handles the login.
    const asked = () => {
      loading = import('../store.ts')
    }
    const client = await connect(options, { asked, end: 'leave' })
    const { storeOnClient } = await (loading ?? import('../store.ts'))
    return storeOnClient(client)
  }
  const writer: Context['writer'] = (options) =>
    createWriter({
      ...outputOptions(options, io, env),
      now: () => (clock ?? io.now)(),
      onCursor: given?.onCursor,
      stdout: io.stdout,
      stderr: io.stderr,
    })
  const context: Context = {
    io,
    env,
    settings,
    connect: (options) => connect(options),
    given,
    now,
    pool: async (options, connections) => {
      const { lazyPool } = await import('../db/connect/pool.ts')
      const target = await choose(options)
      const pool = lazyPool(async () => target, connections)
      closers.push(pool.close)
      return pool
    },
    replica: async (options, connections) => {
      if (given) return given.replica
      const { replicaPool } = await import('./replica.ts')
      const found = await replicaPool({ env, options, settings: settings() }, connections)
      if (found) closers.push(found.close)
      return found
    },
    production: () => production,
    confirm: async (question, options) => {
      const { confirm } = await import('./terminal/confirm.ts')
      await confirm(io, question, { ...options, production: production?.name })
    },
    store: (options) => {
      store ??= openStore(options)
      return store
    },
    atEnd: (last) => {
      closers.push(last)
    },
    writer,
    frame: async (options, draw, zoneNamed = false) => {
      let text = ''
      const memory = new Writable({
        write: (chunk, _, done) => {
          text += String(chunk)
          done()
        },
      })
      await draw(
        createWriter({
          ...outputOptions(options, io, env),
          now: () => (clock ?? io.now)(),
          noteWidth: io.stdout.columns ?? DEFAULT_WIDTH,
          zoneNamed,
          stdout: memory,
          stderr: memory,
        }),
      )
      return text
    },
  }
  const close = async () => {
    for (const closer of closers.splice(0).reverse()) await closer()
  }
  const repeating = async (work: () => Promise<unknown>) => {
    for (;;) {
      try {
        await work()
        return
      } catch (error) {
        if (!(await reports.repeats(error))) throw error
        await close().catch(() => {})
        store = latest = undefined
        isSpare = false
      }
    }
  }
  return { ...context, close, repeating }
}

/** What demo takes of the environment: nothing that names a database. */
const withoutDatabase = (env: Environment): Environment => {
  const { PATH, HOME, XDG_CACHE_HOME, XDG_STATE_HOME, LOCALAPPDATA } = env
  return { PATH, HOME, XDG_CACHE_HOME, XDG_STATE_HOME, LOCALAPPDATA }
}

const DEFAULT_WIDTH = 80

function outputOptions(options: GlobalOptions & { page?: boolean }, io: Io, env: Environment) {
  const isTTY = io.stdout.isTTY === true
  return {
    format: formatOf(options),
    isTTY,
    width: io.stdout.columns ?? DEFAULT_WIDTH,
    color: useColor(options.color, isTTY, env),
    noteWidth: widthOfNotes(io),
    stderrColor: useColor(options.color, io.stderr.isTTY === true, env),
    timeZone: options.tz ?? (isTTY ? io.timeZone : 'UTC'),
    columns: options.columns,
    headers: options.headers,
    page: options.page,
  }
}
