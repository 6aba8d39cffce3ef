import type { Command } from 'commander'
import { defaultOf } from './default-command.ts'

/** A hint of the library names its options, `allowEmpty`; a user of this command gives a flag, --allow-empty. */
export function withFlags(hint: string, command: Command): string {
  const flags = new Map(
    [command, defaultOf(command)]
      .flatMap((one) => one?.options ?? [])
      .map((option) => [option.attributeName(), option.long]),
  )
  return hint.replace(/`(\w+)`/g, (quoted, name: string) => flags.get(name) ?? quoted)
}
