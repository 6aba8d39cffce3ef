import { type Command, CommanderError } from 'commander'
import { type ErrorCode, WfstoreError } from '../error.ts'
import { asWfstoreError, commandOf, explained, forCommandLine } from './command-error.ts'
import { readSettings } from './config/read.ts'
import type { Settings } from './config/settings.ts'
import { type Context, createContext } from './context.ts'
import { type Io, widthOfNotes } from './io.ts'
import { type GlobalOptions, useColor } from './options/global.ts'
import { checkTimeZone } from './options/time.ts'
import { ClosedPipe, guardStream } from './output/stream.ts'
import { formatError } from './output/text/error.ts'
import { createProgram, traitsOf } from './program.ts'
import { redactor } from './redact.ts'
import { version } from './version.ts'

/** Maps error codes to exit codes. */
const EXIT: Record<ErrorCode, number> = {
  failed: 1,
  permission_denied: 1,
  conflict: 1,
  usage: 2,
  no_database: 3,
  unreachable: 3,
  access_denied: 3,
  database_missing: 3,
  schema_missing: 4,
  schema_behind: 4,
  schema_ahead: 4,
  schema_differs: 4,
  locked: 5,
  not_found: 6,
}

/**
 * Runs the command line and returns the exit code. Data goes to io.stdout, everything else to io.stderr.
 */
export async function main(
  argv: readonly string[],
  io: Io,
  env: Record<string, string | undefined>,
): Promise<number> {
  guardStream(io.stdout, 'stdout')
  guardStream(io.stderr, 'stderr')
  let settings: Settings = {
    traits: { path: '', ownDatabase: false },
    ...{ origins: {}, urls: [], ignored: [] },
  }
  const context = createContext(io, env, () => settings)
  const program = createProgram(context, version)
  program.hook('preAction', async (_, command) => {
    if (io.stdoutClosed) await refuseClosed(command, io.stdoutClosed === 'certain')
    settings = await readSettings(program, traitsOf(command), io, env)
    if (settings.config || settings.ignored.length > 0) await warn(context)
    const { tz } = command.optsWithGlobals<GlobalOptions>()
    if (tz !== undefined) checkTimeZone(tz)
  })
  const interrupted = new Promise<never>((_, reject) => {
    io.signal.addEventListener('abort', () => reject(new Interruption()), {
      once: true,
    })
  })
  interrupted.catch(() => {})
  try {
    if (argv.length === 0) {
      io.stderr.write(program.helpInformation())
      return EXIT.usage
    }
    const run = () => program.parseAsync([...argv], { from: 'user' })
    await Promise.race([context.repeating(run), interrupted])
    await guardStream(io.stdout).flush()
    return io.signal.aborted ? signalStatus(io.signal) : 0
  } catch (error) {
    const secrets = redactor([...argv, ...settings.urls], env)
    const { color } = program.opts<GlobalOptions>()
    const end = printedHelp(error) ? ((await helpWritten(io)) ?? error) : error
    const { command, rest } = commandOf(program, argv)
    return report(await explained(end, command, rest), {
      argv,
      io,
      env,
      secrets,
      color,
      command,
    })
  } finally {
    await context.close().catch(() => {})
  }
}

/**
 * Commands that change the database, write to a file or serve do not need stdout. If it is not certain that it is closed, only an
 * archive is refused: its rows are deleted.
 * @throws WfstoreError failed before the command begins
 */
async function refuseClosed(command: Command, certain: boolean): Promise<void> {
  const { isStdout } = await import('../passage.ts')
  const { out, archive, dryRun } = command.optsWithGlobals<{
    out?: string
    archive?: string
    dryRun?: boolean
  }>()
  const archives = archive === '-' || isStdout(archive ?? '')
  const changes = traitsOf(command).writes !== undefined && !dryRun && !archives
  const serves = ['serve', 'open'].includes(traitsOf(command).path)
  const needed = certain ? !changes && !serves && out === undefined : archives && !dryRun
  if (needed) throw closedStdout()
}

const closedStdout = () =>
  new WfstoreError('failed', 'stdout is closed; nothing was changed', {
    hint: 'redirect it, for example > /dev/null',
  })

const printedHelp = (error: unknown): boolean =>
  error instanceof CommanderError &&
  (error.code === 'commander.helpDisplayed' || error.code === 'commander.version')

/** A failed write of a help page or of the version, or undefined. */
async function helpWritten(io: Io): Promise<unknown> {
  if (io.stdoutClosed === 'certain') return closedStdout()
  return guardStream(io.stdout)
    .flush()
    .then(
      () => undefined,
      (error) => error,
    )
}

class Interruption extends Error {}

/** 128 plus the number of the signal, as in a shell; 0 for the key that leaves a screen. */
const signalStatus = ({ reason }: AbortSignal): number =>
  reason === 'quit' ? 0 : reason === 'SIGTERM' ? 143 : 130

async function warn(context: Context): Promise<void> {
  const { warnings } = await import('./config/resolve.ts')
  const { io } = context
  for (const line of warnings(context.settings(), io.stderr.isTTY === true))
    context.writer({}).note(line)
}

interface Around {
  argv: readonly string[]
  io: Io
  env: Record<string, string | undefined>
  secrets: (text: string) => string
  color: GlobalOptions['color']
  command: Command
}

function report(error: unknown, around: Around): number {
  const { argv, io, env, secrets, color } = around
  if (error instanceof ClosedPipe) return 0
  // Errors after an interruption are caused by it.
  if (io.signal.aborted) return signalStatus(io.signal)
  if (printedHelp(error)) return 0
  // commander has printed the help of a group without a subcommand.
  if (error instanceof CommanderError && error.code === 'commander.help') return EXIT.usage
  const known = asWfstoreError(error, around.command)
  const line = formatError(forCommandLine(known, around.command), {
    json: asksForJson(argv),
    color: useColor(color, io.stderr.isTTY === true, env),
    width: widthOfNotes(io),
    verbose: argv.includes('--verbose') ? detail(known) : undefined,
  })
  io.stderr.write(`${secrets(line)}\n`)
  return EXIT[known.code]
}

/** Looks at the arguments themselves, because commander stops parsing at the first mistake. */
function asksForJson(argv: readonly string[]): boolean {
  return argv.some(
    (word, index) =>
      word === '--json' ||
      /^(-o|--output=)jsonl?$/.test(word) ||
      (/^jsonl?$/.test(word) && /^(-o|--output)$/.test(argv[index - 1] ?? '')),
  )
}

function detail(error: WfstoreError): string {
  const stacks: string[] = []
  for (let at: unknown = error; at instanceof Error; at = at.cause)
    stacks.push(at.stack ?? at.message)
  return [...stacks, ...(error.sql ? [`SQL: ${error.sql}`] : [])].join('\n')
}
