import type { Command } from 'commander'
import { addFilters } from './filter.ts'

/** The shared filters for what happened at an instant: entries of the audit, failures, calls of tools. */
export function addEntryFilters(command: Command, words: Record<string, string>): Command {
  addFilters(command, { status: false })
  const said: Record<string, string> = {
    mode: 'of runs of this mode that are kept',
    workflow: 'of runs of this workflow that are kept',
    execution: 'of this run alone: its whole id',
    since: 'from, and before: 24h, 7d, 2026-11-01, RFC 3339',
    until: 'before this time',
    ...words,
  }
  for (const option of command.options)
    option.description = said[option.attributeName()] ?? option.description
  return command
}
