import type { Command, Option } from 'commander'
import { nearest } from '../../nearest.ts'
import { pathOf } from './page.ts'

/**
 * Words that people type for a command that has another name, by the command that they belong to; '' is wfstore itself.
 * Each stands for a command line.
 */
export const SYNONYMS: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  '': {
    ...all('cleanup', 'delete remove rm purge prune clean vacuum gc expire'),
    ...all('audit', 'log logs events history trail tail'),
    ...all('errors', 'failures failed exceptions'),
    ...all('billing', 'invoice invoices payments'),
    ...all('billing pay', 'pay'),
    ...all('billing close', 'close'),
    ...all('executions', 'jobs tasks workflows workflow'),
    ...all('executions list', 'list ls'),
    ...all('executions show', 'show get describe inspect view steps'),
    ...all('executions running', 'ps top running active'),
    ...all('executions list --watch', 'watch follow'),
    ...all('executions cancel', 'cancel stop kill abort terminate'),
    ...all('executions fail', 'fail'),
    ...all('cost', 'spend spending usage'),
    ...all('prices', 'pricing rates'),
    ...all('stats', 'summary totals overview'),
    ...all('report', 'html dashboard'),
    ...all('doctor', 'check health healthcheck diagnose ping'),
    ...all('migrate up', 'init setup install upgrade update up'),
    ...all('migrate down', 'rollback revert undo down'),
    ...all('migrate status', 'status schema'),
    ...all('migrate verify', 'verify'),
    ...all('export', 'dump backup'),
    ...all('import', 'load'),
    ...all('restore', 'recover undelete unarchive'),
    ...all('config', 'profile profiles env'),
    ...all('db', 'database server postgres'),
    ...all('demo', 'sample samples seed example examples'),
    ...all('help', 'man docs commands topics'),
    ...all('--version', 'version'),
    ...all('metrics -o prometheus', 'prometheus'),
  },
  executions: {
    ...all('executions cancel', 'stop kill abort terminate'),
    ...all('executions running', 'ps active unfinished'),
    ...all('executions show', 'view inspect steps timeline'),
    ...all('executions list --watch', 'watch'),
    ...all('cleanup', 'delete remove rm purge'),
    ...all('export', 'dump'),
  },
  billing: {
    ...all('billing records', 'bills details'),
    ...all('billing lines', 'line items meters meter unpriced'),
    ...all('billing pay', 'paid payment payments mark'),
    ...all('billing correct', 'fix adjust refund credit edit update change'),
    ...all('billing close', 'lock finish finalize'),
    ...all('billing periods', 'months period'),
    ...all('billing zone', 'timezone tz'),
    ...all('billing --reconcile', 'reconcile check verify'),
    ...all('billing', 'summary total totals show'),
  },
  prices: {
    ...all('prices set', 'add update change edit'),
    ...all('prices import', 'sync refresh seed load'),
    ...all('prices list', 'show get'),
    ...all('prices check', 'verify audit missing validate'),
    ...all('prices simulate', 'compare what-if switch'),
  },
  migrate: {
    ...all('migrate up', 'apply run upgrade latest init install'),
    ...all('migrate down', 'rollback revert undo'),
    ...all('migrate verify', 'check diff validate'),
    ...all('migrate status', 'list ls history show'),
  },
  metrics: {
    ...all('metrics rollup', 'compute refresh update aggregate'),
    ...all('metrics current', 'show latest'),
    ...all('metrics -o prometheus', 'prometheus export'),
  },
  archive: { ...all('archive verify', 'check test validate'), ...all('restore', 'restore load') },
  db: {
    ...all('db status', 'show info'),
    ...all('db stop', 'shutdown down'),
    ...all('db url', 'start up connect shell psql'),
    ...all('db trust', 'allow accept approve'),
  },
}

/** Options that people know from other programs. */
export const OPTION_SYNONYMS: Readonly<Record<string, readonly string[]>> = {
  '--limit': ['-n', '--count', '--max', '--rows', '--lines', '--tail', '--head'],
  '--output': ['--format', '-f'],
  '--since': ['--from', '--start', '--after', '--begin'],
  '--until': ['--to', '--end', '--before'],
  '--sort': ['--order', '--order-by', '--sort-by'],
  '--by': ['--group-by', '--group'],
  '--group': ['--by', '--group-by'],
  '--yes': ['--force', '--assume-yes', '--no-confirm'],
  '--database-url': ['--url', '--db', '--dsn', '--connection'],
  '--tz': ['--timezone', '--time-zone', '--zone'],
  '--execution': ['--id', '--run', '--execution-id', '--run-id'],
  '--user': ['--user-id'],
  '--workflow': ['--workflow-name', '--name'],
  '--model': ['--model-id'],
  '--status': ['--state'],
  '--period': ['--month'],
  '--columns': ['--fields'],
  '--days': ['--older-than'],
  '--older-than': ['--days', '--stuck-after'],
  '--stuck-after': ['--older-than', '--stale', '--idle'],
  '--out': ['--file', '--output-file'],
}

function all(command: string, words: string): Record<string, string> {
  return Object.fromEntries(words.split(' ').map((word) => [word, command]))
}

const SHORTEST_BEGINNING = 3

/** The only name that begins with these letters, or the nearest one. */
function similar(typed: string, names: readonly string[]): string | undefined {
  const begun =
    typed.length < SHORTEST_BEGINNING ? [] : names.filter((name) => name.startsWith(typed))
  return begun.length === 1 ? begun[0] : nearest(typed, names)
}

/** A hint for a word that is no command of `group`, and no help topic, or undefined. */
export function suggestCommand(
  group: Command,
  typed: string,
  topics: readonly string[] = [],
): string | undefined {
  const word = typed.toLowerCase()
  if (group.name() === 'executions' && /^[0-9a-f]{8}/.test(word))
    return `did you mean \`wfstore executions show ${word}\`?`
  const meant = SYNONYMS[pathOf(group).slice(1).join(' ')]?.[word]
  if (meant !== undefined) return `did you mean \`wfstore ${meant}\`?`
  const visible = group.createHelp().visibleCommands(group)
  const near = similar(word, [...visible.map((command) => command.name()), ...topics])
  return near && `did you mean ${near}?`
}

/** A hint for an option that `command` does not have, or undefined. */
export function suggestOption(command: Command, typed: string): string | undefined {
  const [flag = ''] = typed.split('=')
  const options: Option[] = []
  for (let at: Command | null = command; at; at = at.parent) options.push(...at.options)
  const known = options.flatMap(({ hidden, long }) => (hidden || !long ? [] : [long]))
  const meant = Object.keys(OPTION_SYNONYMS).find(
    (long) => known.includes(long) && OPTION_SYNONYMS[long]?.includes(flag),
  )
  if (meant) return `did you mean ${meant}?`
  if (!flag.startsWith('--')) return undefined
  const bare = [...known, '--help'].map((long) => long.slice(2))
  const near = similar(flag.slice(2).toLowerCase(), bare)
  return near && `did you mean --${near}?`
}
