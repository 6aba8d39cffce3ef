import { Command, InvalidArgumentError, Option } from 'commander'
import type { Context } from './context.ts'

/** What a file in commands/ exports: it gives a command its options, its subcommands and what it does. */
export type Define = (command: Command, context: Context) => void

interface Entry {
  name: string
  summary: string
  /** Several where the subcommands of a group stand in files of their own. */
  load: () => Promise<{ define: Define }>[]
}

/** The table of contents of wfstore. A command's files are read when the command is asked for. */
const commands: Entry[] = [
  {
    name: 'executions',
    summary: 'list the runs, show one, see what is running',
    load: () => [import('./commands/executions.ts')],
  },
  {
    name: 'migrate',
    summary: 'create the schema, bring it up to date, check it, take it back',
    load: () => [
      import('./commands/migrate.ts'),
      import('./commands/migrate-status.ts'),
      import('./commands/migrate-roles.ts'),
    ],
  },
  {
    name: 'doctor',
    summary: 'what is wrong with this database, and what mends it',
    load: () => [import('./commands/doctor.ts')],
  },
  {
    name: 'db',
    summary: 'the embedded database: where it is, whether it runs, how to end it',
    load: () => [import('./commands/db.ts')],
  },
  {
    name: 'demo',
    summary: 'fill an empty database with a small believable history, to try wfstore out',
    load: () => [import('./commands/demo.ts')],
  },
]

const OUTPUT_FORMATS = ['table', 'json', 'jsonl', 'csv'] as const

export function createProgram(context: Context, version: string): Command {
  const program = new Command('wfstore')
    .description(
      'Keeps the runs of AI workflows in PostgreSQL: see them, bill them, clean them up.',
    )
    .usage('COMMAND [options]')
    .version(version, '-V, --version', 'print the version')
    .helpOption('-h, --help', 'print help')
    .helpCommand(false)
    .exitOverride()
    .configureHelp({
      showGlobalOptions: true,
      helpWidth: Math.min(context.io.stdout.columns ?? 80, 100),
    })
    .configureOutput({
      writeOut: (text) => context.io.stdout.write(text),
      writeErr: (text) => context.io.stderr.write(text),
      // Errors are printed once, by main, in one form.
      outputError: () => {},
      getOutHasColors: () => false,
      getErrHasColors: () => false,
    })
    .option(
      '--database-url <url>',
      'database to use (default: WFSTORE_DATABASE_URL, DATABASE_URL, PG*, else .wfstore/ here)',
    )
    .option(
      '--schema <name>',
      'schema of the tables (default: as the search path of the connection says)',
      parseSchema,
    )
    .addOption(new Option('-o, --output <format>', 'form of the output').choices(OUTPUT_FORMATS))
    .option('--json', 'the same as --output json')
    .option('--columns <names>', 'columns to print, in this order, separated by commas', splitNames)
    .addOption(
      new Option('--color <when>', 'colours on a terminal').choices(['auto', 'always', 'never']),
    )
    .option(
      '--tz <zone>',
      'time zone of dates given and of times on a terminal (dates: UTC, times: local)',
    )
    .option('--verbose', 'print the stack and the SQL of an error')
    .addHelpText(
      'after',
      `
Exit codes: 0 done, 1 failed, 2 wrong usage, 3 no database, 4 schema missing, behind,
ahead or different, 5 locked, 6 no such thing, 130 and 143 stopped by a signal.
To try it out: wfstore demo`,
    )
  for (const { name, summary } of commands)
    program
      .command(name)
      .summary(summary)
      .description(`${sentence(summary)}.`)
      .helpCommand(false)
  program.hook('preSubcommand', async (_, command) => {
    const entry = commands.find(({ name }) => name === command.name()) as Entry
    for (const { define } of await Promise.all(entry.load())) define(command, context)
  })
  return program
}

const sentence = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1)

/** PostgreSQL would cut a longer name without a word, and keeps pg_ for itself. */
function parseSchema(name: string): string {
  if (name === '' || Buffer.byteLength(name) > 63 || /^pg_/i.test(name)) {
    throw new InvalidArgumentError('Give a name of 1 to 63 bytes that does not begin with pg_')
  }
  return name
}

const splitNames = (names: string): string[] => names.split(',').map((name) => name.trim())
