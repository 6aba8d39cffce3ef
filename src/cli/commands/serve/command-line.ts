import { Readable, Writable } from 'node:stream'
import { Command, Option } from 'commander'
import { findIds } from '../../../queries/ids.ts'
import type { CommandDescription } from '../../../server/api/description.ts'
import { wordsOf } from '../../../server/api/words.ts'
import type { CommandLine } from '../../../server/site.ts'
import type { CreateProgram } from '../../command.ts'
import { createContext } from '../../context.ts'
import type { Io } from '../../io.ts'
import {
  addFamilyFilters,
  addFilters,
  type FilterOptions,
  readFilter,
  withWholeIds,
} from '../../options/filter.ts'
import { checkTimeZone } from '../../options/time.ts'
import { rejectRepeats } from '../../options/values.ts'
import { guardStream } from '../../output/stream.ts'
import { isVerdict } from '../../verdict.ts'
import { inApiWords, withParameters } from './api-words.ts'
import { describeCommand } from './describe.ts'
import { createRunner, NO_SETTINGS, type Runner } from './runner.ts'

export interface CommandLineOptions {
  createProgram: CreateProgram
  /** A fixed time instead of the clock of the server, for tests. */
  now?: (() => Date) | undefined
}

/** Runs commands in this process, for the server. */
export function commandLine({ createProgram, now }: CommandLineOptions): CommandLine {
  /** Each runs one command at a time. */
  const idle: Runner[] = []
  const descriptions = new Map<string, Promise<CommandDescription>>()
  const using = async <T>(work: (runner: Runner) => Promise<T>): Promise<T> => {
    const runner = idle.pop() ?? createRunner(createProgram, ioOf({}))
    try {
      return await work(runner)
    } finally {
      idle.push(runner)
    }
  }
  const ioOf = (parts: Partial<Io>): Io => ({
    stdin: NOTHING,
    stdout: NOWHERE,
    stderr: NOWHERE,
    now: now ?? (() => new Date()),
    ...(now && { serverNow: now }),
    sleep: () => Promise.reject(new Error('a command in a server does not wait')),
    cwd: '/',
    timeZone: 'UTC',
    signal: new AbortController().signal,
    ...parts,
  })
  const describe: CommandLine['describe'] = (words) => {
    const key = words.join(' ')
    const known = descriptions.get(key)
    if (known) return known
    const description = using(async ({ load, program }) =>
      describeCommand(await load(words), program),
    )
    descriptions.set(key, description)
    return description
  }
  return {
    run: ({ words, connection, stdout, note, nextCursor, signal, caller }) =>
      using(async (runner) => {
        const command = await runner.load(words)
        const tell = note && ((line: string) => note(withParameters(line, command)))
        const io = ioOf({ stdout, stderr: tell ? linesTo(tell) : NOWHERE, signal })
        try {
          signal.throwIfAborted()
          await runner.run(words, io, { ...connection, onCursor: nextCursor, caller })
          await guardStream(stdout).flush()
        } catch (error) {
          if (isVerdict(error)) return tell?.(error.message)
          signal.throwIfAborted()
          throw inApiWords(error, command)
        }
      }),
    describe,
    readFilter: async (parameters, connection) => {
      const command = filterCommand()
      const words = wordsOf(await describeCommand(command), parameters)
      try {
        const options = command.parse(words, { from: 'user' }).opts<FilterOptions>()
        if (options.tz !== undefined) checkTimeZone(options.tz)
        const context = createContext(ioOf({}), {}, () => NO_SETTINGS, connection)
        return await withWholeIds(await readFilter(options, context), (ids) =>
          findIds(connection.run, 'execution', ids),
        )
      } catch (error) {
        throw inApiWords(error, command)
      }
    },
  }
}

/** The filters of `executions list`. */
function filterCommand(): Command {
  const command = new Command('list').addOption(new Option('--tz <zone>'))
  // On a later page times count from the same instant.
  addFamilyFilters(addFilters(command, { status: true })).option('--cursor <text>')
  rejectRepeats(command)
  return command.exitOverride().configureOutput({ outputError: () => {} })
}

const NOTHING = Readable.from([])
const NOWHERE = new Writable({ write: (_, __, done) => done() })

const linesTo = (take: (line: string) => void) =>
  new Writable({
    decodeStrings: false,
    write: (chunk, _, done) => {
      take(String(chunk).trimEnd())
      done()
    },
  })
