import { type Command, InvalidArgumentError } from 'commander'

export const DEFAULT_SECONDS = 2
const LEAST_SECONDS = 0.5
const MOST_SECONDS = 86_400

export interface WatchOptions {
  watch?: number | true
}

export function addWatch(command: Command): Command {
  return command.option(
    '--watch [seconds]',
    `refresh until q or Ctrl-C (default: every ${DEFAULT_SECONDS} seconds)`,
    parseSeconds,
  )
}

function parseSeconds(text: string): number {
  const seconds = Number(text)
  if (!(seconds >= LEAST_SECONDS && seconds <= MOST_SECONDS))
    throw new InvalidArgumentError(
      `It must be a number of seconds from ${LEAST_SECONDS} to ${MOST_SECONDS}`,
    )
  return seconds
}
