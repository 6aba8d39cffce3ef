import type { Command } from 'commander'

const readers = new WeakSet<Command>()

/** Marks the commands that may read from a replica. The table of commands names them. */
export function markReaders(commands: readonly Command[], names: readonly string[] = []): void {
  for (const command of commands) if (names.includes(command.name())) readers.add(command)
}

/** Whether the command may read from a replica, without options with which what is new must be shown at once. */
export function readsReplica(command: Command): boolean {
  const { follow, watch } = command.opts<{ follow?: boolean; watch?: number | true }>()
  return readers.has(command) && follow !== true && watch === undefined
}
