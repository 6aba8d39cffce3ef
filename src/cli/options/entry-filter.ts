import type { Command } from 'commander'
import { addFilters } from './filter.ts'

/** The shared filters for audit entries, failures and tool calls. */
export function addEntryFilters(command: Command, descriptions: Record<string, string>): Command {
  addFilters(command, { status: false })
  const own: Record<string, string> = {
    mode: 'filter by mode (excludes removed runs), by model',
    workflow: 'filter by workflow; excludes removed runs',
    tag: 'filter by tag: team=sales; excludes removed runs',
    execution: 'only of these runs',
    since: 'time: 24h, 7d, today, 2026-11-01, RFC 3339',
    until: 'before this time',
    ...descriptions,
  }
  for (const option of command.options)
    option.description = own[option.attributeName()] ?? option.description
  return command
}
