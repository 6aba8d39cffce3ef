import type { Command } from 'commander'
import { addFilters } from './filter.ts'

/** The shared filters for what happened at an instant: entries of the audit, failures, calls of tools. */
export function addEntryFilters(command: Command, words: Record<string, string>): Command {
  addFilters(command, { status: false })
  const said: Record<string, string> = {
    mode: 'of runs of this mode, as far as they are kept',
    workflow: 'of runs of this workflow, as far as they are kept',
    execution: 'of this execution alone',
    since: 'of this time or later: 24h, 7d, 2024-12-01, RFC 3339',
    until: 'before this time',
    ...words,
  }
  for (const option of command.options)
    option.description = said[option.attributeName()] ?? option.description
  return command
}
