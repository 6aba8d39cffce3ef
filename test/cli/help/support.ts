import type { CommandReference } from '../../../src/cli/help/reference.ts'
import { runCli } from '../../support/cli.ts'

export const readReference = async (): Promise<CommandReference> =>
  JSON.parse((await runCli(['help', '--json'])).stdout)

/** It and all below it. */
export const everyCommand = (command: CommandReference): CommandReference[] => [
  command,
  ...command.commands.flatMap(everyCommand),
]

/** One program of a line that a shell would start, and what it gets from the one before it. */
export interface Stage {
  words: string[]
  piped: boolean
}

/** What a shell makes of the examples: words, quotes, pipes, lists and files, and $( … ) of its own. */
export function stagesOf(line: string): Stage[] {
  const inner = [...line.matchAll(/\$\((.*?)\)/g)].flatMap(([, command]) =>
    stagesOf(command as string),
  )
  const stages: Stage[] = [{ words: [], piped: false }]
  const tokens = line
    .replaceAll(/"?\$\(.*?\)"?/g, 'URL')
    .replaceAll('\\\n', ' ')
    .matchAll(/(\|\||&&|[|>])|((?:'[^']*'|"[^"]*"|[^\s|>&'"])+)/g)
  let file = false
  for (const [, operator, word = ''] of tokens) {
    if (operator === '>') file = true
    else if (operator) stages.push({ words: [], piped: operator === '|' })
    else if (file) file = false
    else stages.at(-1)?.words.push(word.replaceAll(/'([^']*)'|"([^"]*)"/g, '$1$2'))
  }
  return [...inner, ...stages]
}
