import { Command } from 'commander'
import { WfstoreError } from '../error.ts'
import type { Define, Load } from './command.ts'
import type { Traits } from './config/settings.ts'
import type { Context } from './context.ts'
import { formatStart } from './help/overview.ts'
import { formatPage, PAGE_WIDTH } from './help/page.ts'
import { addGlobalOptions, isUsual, OUTPUT_FORMATS } from './options/global.ts'

interface Entry {
  name: string
  /** What it is for: the heading above it in `wfstore --help`. Those without one follow one that has it. */
  group?: string
  /** In one line of `wfstore --help`: 64 characters at most. */
  summary: string
  /** Several where the subcommands of a group stand in files of their own. */
  load: () => Promise<{ define: Define }>[]
  /** Forms of output beside the usual, and the subcommand that has each. */
  formats?: Record<string, string>
  /** The commands that change the database: 'asks' by themselves, with what they are about to do; 'sets' what they are given. */
  writes?: Record<string, 'asks' | 'begins' | 'sets'>
  /** They have a database of their own, whatever the config says. */
  ownDatabase?: true
}

/** The table of contents of wfstore. A command's files are read when the command is asked for. */
const commands: Entry[] = [
  {
    name: 'executions',
    group: 'See what happens',
    summary: 'the runs: list them, show one, watch them, close them',
    load: () => [
      import('./commands/executions/executions.ts'),
      import('./commands/executions/close.ts'),
    ],
    writes: { cancel: 'asks', fail: 'asks' },
  },
  {
    name: 'audit',
    summary: 'what happened, entry by entry, and as it happens',
    load: () => [import('./commands/audit/audit.ts')],
  },
  {
    name: 'errors',
    summary: 'what fails: one by one, or counted by kind and compared',
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
    name: 'metrics',
    summary: 'what is measured by user, model, mode and tool; for a scraper',
    load: () => [import('./commands/metrics/metrics.ts')],
    formats: { prometheus: 'current' },
    writes: { rollup: 'begins' },
  },
  {
    name: 'cost',
    group: 'Know what it costs',
    summary: 'what runs cost by user, mode, model, workflow, status, time',
    load: () => [import('./commands/cost.ts')],
  },
  {
    name: 'cost-by-mode',
    summary: 'what runs cost in each mode',
    load: () => [import('./commands/cost.ts')],
  },
  {
    name: 'billing',
    summary: "a month's bills in US dollars: compare, close, correct, pay",
    load: () => [
      import('./commands/billing/billing.ts'),
      import('./commands/billing/records.ts'),
      import('./commands/billing/periods.ts'),
      import('./commands/billing/pay.ts'),
    ],
    formats: { focus: 'report' },
    writes: { pay: 'asks', close: 'asks', correct: 'asks', zone: 'sets' },
  },
  {
    name: 'report',
    summary: 'one HTML page: cost, runs, errors and the bill, for everybody',
    load: () => [import('./commands/report/report.ts')],
  },
  {
    name: 'cleanup',
    group: 'Keep it small',
    summary: 'remove what is old; totals and bills stay',
    load: () => [import('./commands/cleanup/cleanup.ts'), import('./commands/cleanup/history.ts')],
    writes: { cleanup: 'asks' },
  },
  {
    name: 'archive',
    summary: 'check what cleanup has written down before it removed it',
    load: () => [import('./commands/archive/archive.ts')],
  },
  {
    name: 'restore',
    summary: 'bring back what cleanup has archived',
    load: () => [import('./commands/archive/restore.ts')],
    writes: { restore: 'asks' },
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
    writes: { import: 'begins' },
  },
  {
    name: 'migrate',
    group: 'Set it up',
    summary: 'create the schema, bring it up to date, check it, take it back',
    load: () => [
      import('./commands/migrate/migrate.ts'),
      import('./commands/migrate/status.ts'),
      import('./commands/migrate/roles.ts'),
    ],
    writes: { up: 'begins', down: 'asks', redo: 'asks', roles: 'begins' },
  },
  {
    name: 'doctor',
    summary: 'what is wrong with this database, and what mends it',
    load: () => [import('./commands/doctor.ts')],
  },
  {
    name: 'config',
    summary: 'what each setting is and where it comes from; named databases',
    load: () => [import('./commands/config.ts')],
  },
  {
    name: 'db',
    summary: 'the embedded database: where it is, whether it runs, its end',
    load: () => [import('./commands/db.ts')],
    ownDatabase: true,
  },
  {
    name: 'demo',
    summary: 'a small believable history in an empty database, to try it out',
    load: () => [import('./commands/demo.ts')],
    writes: { demo: 'begins' },
    ownDatabase: true,
  },
  {
    name: 'completion',
    summary: 'what your shell needs to complete commands, options and values',
    load: () => [import('./commands/completion.ts')],
    ownDatabase: true,
  },
  {
    name: 'help',
    summary: 'help on a command, or on time, filters, output, exit codes',
    load: () => [import('./commands/help.ts')],
    ownDatabase: true,
  },
]

export function createProgram(context: Context, version: string): Command {
  const program: Command = new Command('wfstore')
    .description(
      'Keeps the runs of AI workflows in PostgreSQL: see them, bill them, clean them up.',
    )
    .usage('COMMAND [options]')
    .version(version, '-V, --version', 'print the version')
    .helpOption('-h, --help', 'print help')
    .helpCommand(false)
    .exitOverride()
    .configureHelp({
      helpWidth: Math.min(context.io.stdout.columns ?? PAGE_WIDTH, PAGE_WIDTH),
      minWidthToWrap: 20,
      formatHelp: (command, help) =>
        command === program ? formatStart(command, help) : formatPage(command, help),
    })
    .configureOutput({
      writeOut: (text) => context.io.stdout.write(text),
      writeErr: (text) => context.io.stderr.write(text),
      // Errors are printed once, by main, in one form.
      outputError: () => {},
      getOutHasColors: () => false,
      getErrHasColors: () => false,
    })
  addGlobalOptions(
    program,
    commands.flatMap(({ formats = {} }) => Object.keys(formats)),
  )
  for (const { name, summary, group } of commands) {
    if (group) program.commandsGroup(group)
    program
      .command(name)
      .summary(summary)
      .description(`${sentence(summary)}.`)
      .helpCommand(false)
  }
  const loaded = new Set<Command>()
  const load: Load = async (command) => {
    if (loaded.has(command)) return
    loaded.add(command)
    const entry = commands.find(({ name }) => name === command.name()) as Entry
    for (const { define } of await Promise.all(entry.load())) define(command, context, load)
    for (const name of Object.keys(entry.writes ?? {})) {
      const writing = [command, ...command.commands].find((each) => each.name() === name)
      if (writing && !writing.options.some(({ long }) => long === '--yes'))
        writing.option('-y, --yes', 'do not ask where the config calls the database production')
    }
  }
  program.hook('preAction', (_, command) => checkFormat(program, command))
  program.hook('preSubcommand', (_, command) => load(command))
  return program
}

/** What the config has to know of the command that was asked for. */
export function traitsOf(command: Command): Traits {
  const names: string[] = []
  for (let at = command; at.parent; at = at.parent) names.unshift(at.name())
  const entry = commands.find(({ name }) => name === names[0])
  const writes = entry?.writes?.[command.name()]
  return {
    path: names.join(' '),
    writes: writes === 'sets' ? (command.args.length > 0 ? 'begins' : undefined) : writes,
    ownDatabase: entry?.ownDatabase === true,
  }
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
