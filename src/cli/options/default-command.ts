import type { Command } from 'commander'

const defaults = new WeakMap<Command, Command>()

/** The command that a group runs without a subcommand. */
export const defaultOf = (group: Command): Command | undefined => defaults.get(group)

/** A subcommand by its name or an alias. */
export const commandNamed = (group: Command, word: string): Command | undefined =>
  group.commands.find((command) => command.name() === word || command.aliases().includes(word))

/**
 * Makes a group run `command` without a subcommand.
 * @param listed list the options of the command in the help of the group
 */
export function makeDefault(
  group: Command,
  command: Command,
  run: () => Promise<void>,
  { listed = true }: { listed?: boolean } = {},
): void {
  defaults.set(group, command.action(run))
  if (!listed) return
  const plain = group.createHelp()
  group.configureHelp({
    ...group.configureHelp(),
    visibleOptions: (shown) => plain.visibleOptions(shown === group ? command : shown),
  })
}

/** Adds `list` to a command that lists without a subcommand: `wfstore audit list` is `wfstore audit`. */
export function addList(command: Command, run: () => Promise<void>): void {
  const list = command.command('list', { hidden: true }).alias('ls').action(run)
  list.configureHelp({ ...list.configureHelp(), formatHelp: () => command.helpInformation() })
}
