import type { CommandLine } from '../../../server/site.ts'

/** Runs commands in this process, for the server. */
export function commandLine(): CommandLine {
  return {
    run: async () => {},
    readFilter: async () => ({}),
  }
}
