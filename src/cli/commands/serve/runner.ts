import type { Command } from 'commander'
import type { CreateProgram } from '../../command.ts'
import { type Context, createContext, type GivenConnection } from '../../context.ts'
import type { Io } from '../../io.ts'
import type { GlobalOptions } from '../../options/global.ts'
import { checkTimeZone } from '../../options/time.ts'
import { version } from '../../version.ts'

/** A program that runs one command after another: to create one for each command would take longer than most queries. */
export interface Runner {
  program: Command
  /** Loads the command of these words, and returns it. */
  load: (words: readonly string[]) => Promise<Command>
  /** @param given the connection on which the command runs; without one it cannot use a database */
  run: (words: readonly string[], io: Io, given?: GivenConnection) => Promise<void>
}

/** No config and no environment: a request must not depend on the account under which the server runs. */
export const NO_SETTINGS = {
  traits: { path: '', ownDatabase: false },
  ...{ origins: {}, urls: [], ignored: [] },
}

export function createRunner(createProgram: CreateProgram, io: Io): Runner {
  let current: Context = createContext(io, {}, () => NO_SETTINGS)
  const context = new Proxy({} as Context, {
    get: (_, name) => Reflect.get(current, name),
  })
  const program = createProgram(context, version)
  program.hook('preAction', (_, command) => {
    const { tz } = command.optsWithGlobals<GlobalOptions>()
    if (tz !== undefined) checkTimeZone(tz)
  })
  const load: Runner['load'] = async (words) => {
    let command: Command = program
    for (const word of words) {
      const next = command.commands.find((each) => each.name() === word)
      if (!next) break
      // Before it is parsed for the first time, so that the defaults of its options are there for the second time too.
      if (command === program) await program.load(next)
      command = next
    }
    return command
  }
  return {
    program,
    load,
    run: async (words, of, given) => {
      // Commands record the user of the environment, who here is the caller.
      const env = given?.caller === undefined ? {} : { USER: given.caller }
      const own = createContext(of, env, () => NO_SETTINGS, given)
      current = own
      await load(words)
      try {
        await program.parseAsync([...words], { from: 'user' })
      } finally {
        await own.close()
      }
    },
  }
}
