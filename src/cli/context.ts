import { Writable } from 'node:stream'
import type pg from 'pg'
import type { Environment } from '../db/connect/libpq.ts'
import type { Target } from '../db/connect/target.ts'
import { WfstoreError } from '../error.ts'
import type { Store } from '../store.ts'
import type { Production, Settings } from './config/settings.ts'
import type { Io } from './io.ts'
import { type GlobalOptions, type TargetOptions, useColor } from './options/global.ts'
import { show } from './output/text/escape.ts'
import { createWriter, type Format, type Writer } from './output/writer.ts'
import type { Question } from './terminal/confirm.ts'

/** What a command works with. */
export interface Context {
  io: Io
  env: Environment
  /** What the config says for this command. */
  settings: () => Settings
  /** A connection to the database that the connection rules choose, ended when the command ends; a query that an interruption leaves behind is cancelled. */
  connect: (options: TargetOptions) => Promise<pg.Client>
  /** The store on it, opened when first asked for and closed when the command ends. */
  store: (options: TargetOptions) => Promise<Store>
  /** The database in use, where the config calls it production and there is a terminal. */
  production: () => Production | undefined
  /**
   * Asks on the terminal before a change that cannot be undone; the profile's name is the answer where the database is
   * production. @throws WfstoreError failed where the answer is no, usage where there is no terminal
   */
  confirm: (question: string, options: Question) => Promise<void>
  /** What is done when the command has ended or was interrupted, before its connections are closed. */
  atEnd: (last: () => Promise<void>) => void
  /** A writer for this command's output. */
  writer: (options: GlobalOptions & { page?: boolean }) => Writer
  /** What a terminal of this size would show of a command's output, notes included, as text. */
  frame: (options: GlobalOptions, draw: (writer: Writer) => Promise<void>) => Promise<string>
}

interface Connecting {
  /** Called when the server has been asked to let us in. */
  asked?: () => void
  /** By default the server's end of the session, and of its locks, is waited for. */
  end?: 'leave'
}

export function createContext(
  io: Io,
  env: Environment,
  settings: () => Settings,
): Context & { close: () => Promise<void> } {
  const closers: (() => Promise<void>)[] = []
  let store: Promise<Store> | undefined
  let guarded = false
  let production: Production | undefined
  const choose = async (options: TargetOptions): Promise<Target> => {
    const { chooseDatabase } = await import('../db/connect/target.ts')
    const { databaseUrl: url, schema, create = false, ignoreEnvironment = false } = options
    const { config, traits } = settings()
    const rules = config && (await import('./config/database.ts'))
    const target = await chooseDatabase({
      url,
      ...rules?.profileDatabase(settings(), io, env, options),
      schema,
      create,
      env: ignoreEnvironment && url === undefined ? { PATH: env.PATH } : env,
      cwd: io.cwd,
      applicationName: `wfstore ${traits.path}`,
    })
    // Somebody may have meant to name another.
    if (target.made) io.stderr.write(`made an embedded database in ${show(io.cwd)}/.wfstore\n`)
    // Once, however often a command connects.
    if (!guarded)
      production = await rules?.guardProduction(settings(), { io, env, target, options })
    guarded = true
    return target
  }
  const connect = async (options: TargetOptions, { asked, end }: Connecting = {}) => {
    const { cancelQuery, connectClient, leaveServer } = await import('../db/connect/connect.ts')
    const target = await choose(options)
    const client = await connectClient(target, asked)
    // Of a lost connection somebody else may have the process by now.
    let lost = false
    client.once('end', () => {
      lost = true
    })
    const close = async () => {
      if (io.signal.aborted && !lost) await cancelQuery(client, target)
      if (end === 'leave') await leaveServer(client)
      else await client.end()
    }
    // Interrupted while connecting: the command is over already, and nobody will close what comes now.
    if (io.signal.aborted) await close()
    else closers.push(close)
    return client
  }
  const openStore = async (options: TargetOptions): Promise<Store> => {
    let loading: Promise<typeof import('../store.ts')> | undefined
    // Read while the server makes up its mind about us.
    const asked = () => {
      loading = import('../store.ts')
    }
    const client = await connect(options, { asked, end: 'leave' })
    const { storeOnClient } = await (loading ?? import('../store.ts'))
    return storeOnClient(client)
  }
  const context: Context = {
    io,
    env,
    settings,
    connect: (options) => connect(options),
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
    writer: (options) =>
      createWriter({ ...outputOptions(options, io, env), stdout: io.stdout, stderr: io.stderr }),
    frame: async (options, draw) => {
      let text = ''
      const memory = new Writable({
        write: (chunk, _, done) => {
          text += String(chunk)
          done()
        },
      })
      await draw(
        createWriter({ ...outputOptions(options, io, env), stdout: memory, stderr: memory }),
      )
      return text
    },
  }
  const close = async () => {
    for (const closer of closers.splice(0).reverse()) await closer()
  }
  return { ...context, close }
}

const DEFAULT_WIDTH = 80

function outputOptions(options: GlobalOptions & { page?: boolean }, io: Io, env: Environment) {
  const isTTY = io.stdout.isTTY === true
  return {
    format: outputFormat(options),
    isTTY,
    width: io.stdout.columns ?? DEFAULT_WIDTH,
    color: useColor(options.color, isTTY, env),
    stderrColor: useColor(options.color, io.stderr.isTTY === true, env),
    timeZone: options.tz ?? (isTTY ? io.timeZone : 'UTC'),
    now: io.now(),
    columns: options.columns,
    page: options.page,
  }
}

function outputFormat({ output, json }: GlobalOptions): Format {
  if (json && output && output !== 'json') {
    throw new WfstoreError('usage', `--json and --output ${output} contradict each other`, {
      hint: 'give one of them',
    })
  }
  return json ? 'json' : (output ?? 'table')
}
