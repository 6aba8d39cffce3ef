import { SUMMARY_KEYS } from '../../queries/billing/summary.ts'
import { PERIODS } from '../../queries/metrics/periods.ts'
import { SOURCES } from '../../queries/prices/given.ts'
import { TRACE_FINDINGS } from '../../queries/traces/check.ts'
import { DIMENSIONS } from '../../queries/usage/cost.ts'
import { EXECUTION_STATUSES } from '../../tables/executions.ts'

/**
 * What completion can offer for the value of an option or argument: names from the database or the config, files, a list
 * of choices, or nothing for free text.
 */
export interface ValueKind {
  kind?:
    | 'user'
    | 'workflow'
    | 'mode'
    | 'model'
    | 'tool'
    | 'action'
    | 'run'
    | 'running'
    | 'entry'
    | 'bill'
    | 'profile'
    | 'zone'
    | 'month'
    | 'file'
    | 'folder'
    | 'text'
  choices?: readonly string[]
  /** Whether it takes several values, separated by commas. */
  several?: true
}

const TIMES = ['1h', '24h', '7d', '30d', '90d', 'today', 'yesterday']
const SPANS = ['10m', '1h', '6h', '1d']

const TEXT: ValueKind = { kind: 'text' }

const OPTIONS: Record<string, ValueKind> = {
  '--user': { kind: 'user' },
  '--workflow': { kind: 'workflow' },
  '--mode': { kind: 'mode' },
  '--model': { kind: 'model' },
  '--tool': { kind: 'tool' },
  '--action': { kind: 'action' },
  '--execution': { kind: 'run' },
  '--parent': { kind: 'run' },
  '--profile': { kind: 'profile' },
  '--tz': { kind: 'zone' },
  '--legacy-tz': { kind: 'zone' },
  '--out': { kind: 'file' },
  '--archive': { kind: 'folder' },
  '--format': { choices: ['jsonl', 'parquet'] },
  'archive convert --out': { kind: 'folder' },
  '--tls-cert': { kind: 'file' },
  '--tls-key': { kind: 'file' },
  '--old-admin': { kind: 'user' },
  '--status': { choices: EXECUTION_STATUSES, several: true },
  'billing --by': { choices: SUMMARY_KEYS, several: true },
  'cost --by': { choices: DIMENSIONS, several: true },
  'prices simulate --model': TEXT,
  'metrics list --period': { choices: PERIODS },
  'billing --period': { kind: 'month' },
  'billing records --period': { kind: 'month' },
  'billing lines --period': { kind: 'month' },
  'billing close --period': { kind: 'month' },
  'billing pay --period': { kind: 'month' },
  'report --period': { kind: 'month', several: true },
  '--type': {
    choices: ['cost', 'token_usage', 'execution_time', 'error_rate', 'tool_success_rate'],
  },
  '--finding': { choices: TRACE_FINDINGS, several: true },
  '--quiet': { choices: ['0s', '30s', '5m'] },
  '--abandon': { choices: ['0s', '1h', '1d'] },
  '--default-user': { kind: 'user' },
  '--default-mode': { kind: 'mode' },
  'serve --listen': { choices: ['127.0.0.1:8787'] },
  '--listen': { choices: ['127.0.0.1:4318'] },
  '--max-lag': { choices: ['30s', '5m', 'any'] },
  '--statement-timeout': { choices: ['10s', '30s', '5m'] },
  '--success': { choices: ['true', 'false'] },
  '--since': { choices: TIMES },
  '--until': { choices: TIMES },
  '--before': { choices: TIMES },
  '--at': { choices: TIMES },
  '--from': { choices: TIMES },
  '--source': { choices: SOURCES, several: true },
  '--older-than': { choices: SPANS },
  '--stuck-after': { choices: SPANS },
  '--max-duration': { choices: SPANS },
  '--expires': { choices: ['12h', '30d', '90d', '52w', 'never'] },
  '--limit': { choices: ['20', '100', '1000', 'all'] },
  ...Object.fromEntries(
    [
      '--database-url',
      '--reports-url',
      '--schema',
      '--columns',
      '--cursor',
      '--watch',
      '--top',
      '--payment-id',
      '--provider',
      '--cost',
      '--reason',
      '--prefix',
      '--to',
      '--lock-timeout',
      '--lock-wait',
      '--days',
      '--keep-last',
      '--batch-size',
      '--shards',
      '--max-line',
      '--file-mode',
      '--pause',
      '--tag',
      '--session',
      '--context-over',
      '--author',
      '--content-limit',
      '--name',
      '--drop-attribute',
      '--host',
      '--cors',
      '--base-path',
      '--queries',
      '--old-user-header',
    ].map((name) => [name, TEXT]),
  ),
}

const ARGUMENTS: Record<string, ValueKind> = {
  'executions show': { kind: 'run', choices: ['latest'] },
  'executions cancel': { kind: 'running' },
  'audit show': { kind: 'entry' },
  'billing zone': { kind: 'zone' },
  'settings set': { choices: ['cost-tags'] },
  'archive verify': { kind: 'file' },
  'archive convert': { kind: 'folder' },
  'archive query': { kind: 'folder' },
  restore: { kind: 'file' },
  import: { kind: 'file' },
  ingest: { kind: 'file' },
  completion: { choices: ['bash', 'zsh', 'fish'] },
  'billing correct': { kind: 'bill' },
  'billing lines': { kind: 'bill' },
  'prices set': TEXT,
  'token revoke': TEXT,
  open: TEXT,
  'prices import': { kind: 'file' },
  'migrate up': TEXT,
  'migrate down': TEXT,
  help: TEXT,
}

export const kindOfOption = (command: string, long: string): ValueKind =>
  OPTIONS[`${command} ${long}`] ?? OPTIONS[long] ?? {}

export const kindOfArgument = (command: string): ValueKind => ARGUMENTS[command] ?? {}
