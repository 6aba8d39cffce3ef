import type { Command, Help } from 'commander'
import { type HelpRow, section, widthOf } from './page.ts'
import { TOPICS } from './topics.ts'

/** What `wfstore --help` prints: the commands in groups. */
export function formatStart(program: Command, help: Help): string {
  // Without arguments, which a command has only when it is loaded.
  const commands = program.commands.filter((command) => !UNLISTED.includes(command.name()))
  const rows = commands.map((command): HelpRow => [command.name(), command.summary()])
  const width = Math.max(...rows.map(([term]) => term.length))
  const groups = new Map<string, HelpRow[]>()
  for (const [index, command] of commands.entries()) {
    const [term, summary] = rows[index] as HelpRow
    const group = groups.get(command.helpGroup()) ?? []
    groups.set(command.helpGroup(), [...group, [term.padEnd(width), summary]])
  }
  return `${[
    `Usage: wfstore ${program.usage()}`,
    help.boxWrap(program.description(), widthOf(help)),
    [...groups].map(([heading, group]) => section(heading, group, help)).join('\n'),
    `${help.boxWrap(`Topics: ${TOPICS.map(({ name }) => name).join(', ')}`, widthOf(help))}\n${LAST}`,
  ].join('\n\n')}\n`
}

/** A screen has 40 lines: `cost-by-mode` is `cost --by mode`, and the last lines name `help`. */
const UNLISTED = ['cost-by-mode', 'help']

const LAST = `Also: run, runs = executions; ls = list; get, describe = show; bill = billing
Use "wfstore <command> --help" or "wfstore help <topic>" for more.
To try wfstore with sample data: wfstore demo`
