import type { Command } from 'commander'
import { WfstoreError } from '../../error.ts'

/** Makes a group run `command` without a subcommand, and list its options in the help of the group. */
export function makeDefault(group: Command, command: Command, run: () => Promise<void>): void {
  // An unknown subcommand ends up here as an argument.
  command.allowExcessArguments().action(() => {
    const [word] = command.args
    if (word === undefined) return run()
    throw new WfstoreError('usage', `unknown command '${word}'`, {
      hint: `see \`wfstore ${group.name()} --help\``,
    })
  })
  const plain = group.createHelp()
  group.configureHelp({
    ...group.configureHelp(),
    visibleOptions: (shown) => plain.visibleOptions(shown === group ? command : shown),
  })
}
