import { Command, InvalidArgumentError, Option } from 'commander'
import { WfstoreError } from '../error.ts'
import type { Context } from './context.ts'

/** What a file in commands/ exports: it gives a command its options, its subcommands and what it does. */
export type Define = (command: Command, context: Context) => void

interface Entry {
  name: string
  summary: string
  /** Several where the subcommands of a group stand in files of their own. */
  load: () => Promise<{ define: Define }>[]
  /** Forms of output beside the usual, and the subcommand that has each. */
  formats?: Record<string, string>
}

/** The table of contents of wfstore. A command's files are read when the command is asked for. */
const commands: Entry[] = [
  {
    name: 'executions',
    summary: 'list the runs, show one, see what is running',
    load: () => [import('./commands/executions.ts'), import('./commands/executions-close.ts')],
  },
  {
    name: 'audit',
    summary: 'what happened, entry by entry, and as it happens',
    load: () => [import('./commands/audit.ts')],
  },
  {
    name: 'errors',
    summary: 'what fails: one by one, or counted by kind and compared with before',
    load: () => [import('./commands/errors.ts')],
  },
  {
    name: 'tools',
    summary: 'each tool: calls, failures, durations, cost',
    load: () => [import('./commands/tools.ts')],
  },
  {
    name: 'stats',
    summary: 'runs, cost, tokens and durations, of everybody or of a user',
    load: () => [import('./commands/stats.ts')],
  },
  {
    name: 'cost',
    summary: 'what runs cost, by user, mode, model, workflow, status, day, week or month',
    load: () => [import('./commands/cost.ts')],
  },
  {
    name: 'cost-by-mode',
    summary: 'what runs cost in each mode',
    load: () => [import('./commands/cost.ts')],
  },
  {
    name: 'billing',
    summary: 'what a month of runs costs, who has paid, and what differs; close it, correct it',
    load: () => [
      import('./commands/billing.ts'),
      import('./commands/billing-records.ts'),
      import('./commands/billing-periods.ts'),
      import('./commands/billing-pay.ts'),
    ],
    formats: { focus: 'report' },
  },
  {
    name: 'metrics',
    summary: 'what is measured by user, model, mode and tool; compute it, list it, scrape it',
    load: () => [import('./commands/metrics.ts')],
    formats: { prometheus: 'current' },
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
    name: 'export',
    summary: 'write runs and all that belongs to them as JSON lines',
    load: () => [import('./commands/export.ts')],
  },
  {
    name: 'import',
    summary: 'take in what export wrote',
    load: () => [import('./commands/import.ts')],
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
    .addOption(
      // Which command it is for is not known while it is read: see checkFormat.
      new Option('-o, --output <format>', 'form of the output')
        .choices(OUTPUT_FORMATS)
        .argParser((format) =>
          parseFormat(
            format,
            commands.flatMap(({ formats = {} }) => Object.keys(formats)),
          ),
        ),
    )
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
  program.hook('preAction', (_, command) => checkFormat(program, command))
  program.hook('preSubcommand', async (_, command) => {
    const entry = commands.find(({ name }) => name === command.name()) as Entry
    for (const { define } of await Promise.all(entry.load())) define(command, context)
  })
  return program
}

const isUsual = (format: string) => (OUTPUT_FORMATS as readonly string[]).includes(format)

function parseFormat(format: string, others: readonly string[]): string {
  if (isUsual(format) || others.includes(format)) return format
  throw new InvalidArgumentError(`Allowed choices are ${OUTPUT_FORMATS.join(', ')}.`)
}

/** @throws WfstoreError usage where the form of output is one of another command */
function checkFormat(program: Command, command: Command): void {
  const { output = 'table' } = program.opts<{ output?: string }>()
  if (isUsual(output)) return
  const entry = commands.find(({ name }) => name === command.parent?.name())
  if (entry?.formats?.[output] === command.name()) return
  throw new WfstoreError(
    'usage',
    `option '-o, --output <format>' argument '${output}' is invalid. Allowed choices are ${OUTPUT_FORMATS.join(', ')}`,
  )
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
