import type { Define } from './command.ts'

/** A command of `wfstore --help`. */
export interface Entry {
  name: string
  /** Other names that people type; help does not list them. */
  aliases?: readonly string[]
  /** The heading above it in `wfstore --help`. Commands without one belong to the group before them. */
  group?: string
  /** One line of `wfstore --help`: at most 64 characters. */
  summary: string
  /** Several files if subcommands have files of their own. */
  load: () => Promise<{ define: Define }>[]
  /** Additional output formats, and the subcommand that has each. */
  formats?: Record<string, string>
  /**
   * The commands that change the database. 'asks': the command asks for confirmation itself. 'begins': only the guard of
   * production databases asks. 'sets': as 'begins', but only if the command has an argument. 'lets': as 'begins', but only
   * with a flag that lets other programs write.
   */
  writes?: Record<string, 'asks' | 'begins' | 'sets' | 'lets'>
  /** The commands that may read from a replica: they change nothing, and what they show may be some seconds old. */
  reads?: readonly string[]
  /** Why its other commands do not read from a replica, apart from those that write. */
  primary?: Record<string, string>
  /** The command ignores the database of the config. */
  ownDatabase?: true
}

const NO_DATABASE = 'it uses no database'
const NO_REPLICA = 'the embedded database has no replica'

/** All commands. The files of a command are loaded when it is used. */
export const COMMANDS: readonly Entry[] = [
  {
    name: 'executions',
    aliases: ['execution', 'runs', 'run'],
    group: 'Monitoring:',
    summary: 'List, show, watch and close runs',
    load: () => [
      import('./commands/executions/executions.ts'),
      import('./commands/executions/close.ts'),
    ],
    writes: { cancel: 'asks', fail: 'asks' },
    reads: ['list', 'running', 'show'],
  },
  {
    name: 'audit',
    summary: 'List audit entries, or follow new ones',
    load: () => [import('./commands/audit/audit.ts')],
    reads: ['audit', 'list', 'show'],
  },
  {
    name: 'errors',
    aliases: ['error'],
    summary: 'List failures, or count similar error messages',
    load: () => [import('./commands/errors.ts')],
    reads: ['errors', 'list'],
  },
  {
    name: 'tools',
    aliases: ['tool'],
    summary: 'Show calls, failures, durations and cost of each tool',
    load: () => [import('./commands/tools.ts')],
    reads: ['tools', 'list'],
  },
  {
    name: 'stats',
    summary: 'Show totals: runs, cost, tokens and durations',
    load: () => [import('./commands/stats.ts')],
    reads: ['stats'],
  },
  {
    name: 'metrics',
    aliases: ['metric'],
    summary: 'List and compute metrics, or print them for Prometheus',
    load: () => [import('./commands/metrics/metrics.ts')],
    formats: { prometheus: 'current' },
    writes: { rollup: 'begins' },
    reads: ['current', 'list'],
  },
  {
    name: 'cost',
    aliases: ['costs'],
    group: 'Cost and billing:',
    summary: 'Show cost by user, mode, model, workflow, tag, time …',
    load: () => [import('./commands/cost.ts')],
    reads: ['cost'],
  },
  {
    name: 'cost-by-mode',
    summary: 'Show cost by mode',
    load: () => [import('./commands/cost.ts')],
    reads: ['cost-by-mode'],
  },
  {
    name: 'billing',
    aliases: ['bill', 'bills'],
    summary: 'Show, reconcile, close, correct and pay bills',
    load: () => [
      import('./commands/billing/billing.ts'),
      import('./commands/billing/records.ts'),
      import('./commands/billing/lines.ts'),
      import('./commands/billing/periods.ts'),
      import('./commands/billing/pay.ts'),
    ],
    formats: { focus: 'report' },
    writes: { pay: 'asks', close: 'asks', correct: 'asks', zone: 'sets' },
    reads: ['report', 'records', 'lines', 'periods'],
  },
  {
    name: 'prices',
    aliases: ['price'],
    summary: 'List, set, import, apply and check prices of models',
    load: () => [
      import('./commands/prices/prices.ts'),
      import('./commands/prices/set.ts'),
      import('./commands/prices/import.ts'),
      import('./commands/prices/apply.ts'),
      import('./commands/prices/check.ts'),
      import('./commands/prices/simulate.ts'),
    ],
    writes: { set: 'begins', import: 'begins', apply: 'asks' },
    reads: ['list', 'check', 'simulate'],
  },
  {
    name: 'report',
    summary: 'Create an HTML report of cost, runs, errors and bills',
    load: () => [import('./commands/report/report.ts')],
    reads: ['report'],
  },
  {
    name: 'cleanup',
    group: 'Cleanup and transfer:',
    summary: 'Remove old runs; totals and bills are kept',
    load: () => [import('./commands/cleanup/cleanup.ts'), import('./commands/cleanup/history.ts')],
    writes: { cleanup: 'asks' },
    reads: ['history'],
  },
  {
    name: 'archive',
    summary: 'Verify, convert and query the archives of cleanup',
    load: () => [
      import('./commands/archive/archive.ts'),
      import('./commands/archive/convert.ts'),
      import('./commands/archive/query.ts'),
    ],
    primary: { verify: NO_DATABASE, convert: NO_DATABASE, query: NO_DATABASE },
  },
  {
    name: 'restore',
    summary: 'Restore removed runs from an archive',
    load: () => [import('./commands/archive/restore.ts')],
    writes: { restore: 'asks' },
  },
  {
    name: 'export',
    summary: 'Export runs and their data as JSON lines',
    load: () => [import('./commands/export.ts')],
    reads: ['export'],
  },
  {
    name: 'import',
    summary: 'Import runs and their data from an export',
    load: () => [import('./commands/import.ts')],
    writes: { import: 'begins' },
  },
  {
    name: 'ingest',
    summary: 'Store OpenTelemetry traces as runs, from files or over HTTP',
    load: () => [import('./commands/ingest/ingest.ts'), import('./commands/ingest/check.ts')],
    writes: { ingest: 'begins' },
    reads: ['check'],
  },
  {
    name: 'serve',
    summary: 'Serve pages and an API over HTTP',
    load: () => [import('./commands/serve/serve.ts')],
    writes: { serve: 'lets' },
    primary: {
      serve:
        'it writes with --allow-writes and --ingest; src/server/database.ts chooses for each request',
    },
  },
  {
    name: 'open',
    summary: 'Open the pages in the browser',
    load: () => [import('./commands/serve/open.ts')],
    primary: { open: 'as serve' },
  },
  {
    name: 'token',
    aliases: ['tokens'],
    summary: 'Create, list and revoke tokens for wfstore serve',
    load: () => [import('./commands/token/token.ts')],
    writes: { create: 'begins', revoke: 'begins' },
    primary: { token: 'a token that was just revoked must not be listed as usable' },
  },
  {
    name: 'migrate',
    group: 'Setup and administration:',
    summary: 'Create, update, verify or revert the schema',
    load: () => [
      import('./commands/migrate/migrate.ts'),
      import('./commands/migrate/status.ts'),
      import('./commands/migrate/roles.ts'),
      import('./commands/migrate/distribute.ts'),
    ],
    writes: { up: 'begins', down: 'asks', redo: 'asks', roles: 'begins', distribute: 'asks' },
    primary: {
      sql: NO_DATABASE,
      status: 'it examines the primary',
      verify: 'it examines the primary',
    },
  },
  {
    name: 'doctor',
    summary: 'Check the server, the schema and the runs for problems',
    load: () => [import('./commands/doctor.ts')],
    primary: { doctor: 'it examines the primary' },
  },
  {
    name: 'settings',
    aliases: ['setting'],
    summary: 'List and set what the database keeps for all: cost tags',
    load: () => [import('./commands/settings.ts')],
    writes: { set: 'begins' },
    primary: { settings: 'a setting that was just set must be listed' },
  },
  {
    name: 'config',
    summary: 'Show settings and where they come from; list profiles',
    load: () => [import('./commands/config.ts')],
    primary: { config: NO_DATABASE, profiles: NO_DATABASE },
  },
  {
    name: 'db',
    summary: 'Show, stop or trust the embedded database',
    load: () => [import('./commands/db.ts')],
    ownDatabase: true,
    primary: { status: NO_REPLICA, url: NO_REPLICA, stop: NO_REPLICA, trust: NO_REPLICA },
  },
  {
    name: 'demo',
    summary: 'Fill an empty database with sample data',
    load: () => [import('./commands/demo.ts')],
    writes: { demo: 'begins' },
    ownDatabase: true,
  },
  {
    name: 'completion',
    summary: 'Print the completion script for bash, zsh or fish',
    load: () => [import('./commands/completion.ts')],
    ownDatabase: true,
    primary: { completion: NO_DATABASE },
  },
  {
    name: 'help',
    summary: 'Show help for a command or a topic',
    load: () => [import('./commands/help.ts')],
    ownDatabase: true,
    primary: { help: NO_DATABASE },
  },
]
