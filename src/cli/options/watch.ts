import { type Command, InvalidArgumentError } from 'commander'

export const DEFAULT_SECONDS = 2

export function addWatch(command: Command): Command {
  return command.option(
    '--watch [seconds]',
    `redraw every ${DEFAULT_SECONDS} seconds, or so many, until Ctrl-C`,
    parseSeconds,
  )
}

function parseSeconds(text: string): number {
  const seconds = Number(text)
  if (!(seconds >= 0.5 && seconds <= 86_400))
    throw new InvalidArgumentError('Give a number of seconds from 0.5')
  return seconds
}
