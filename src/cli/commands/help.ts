import type { Command } from 'commander'
import { WfstoreError } from '../../error.ts'
import type { Load } from '../command.ts'
import type { Context } from '../context.ts'
import { explain, optionRows, PAGE_WIDTH, section } from '../help/page.ts'
import { referenceOf } from '../help/reference.ts'
import { TOPICS } from '../help/topics.ts'
import { commandNamed } from '../options/default-command.ts'
import type { GlobalOptions } from '../options/global.ts'
import { checkTextOnly } from '../options/output.ts'
import { wrap } from '../output/formats/paragraphs.ts'
import { guardStream } from '../output/stream.ts'

export function define(help: Command, context: Context, load: Load): void {
  const program = help.parent as Command
  const print = (text: string): Promise<void> =>
    guardStream(context.io.stdout).write(`${text.trimEnd()}\n`)
  help.usage('[topic | command]').description('Show help for a command or a topic.')
  explain(help, {
    about:
      '"wfstore help <command>" is the same as "wfstore <command> --help". --json prints all commands with their options and examples.',
    examples: [
      'wfstore help time',
      'wfstore help executions list',
      "wfstore help --json | jq '.commands[].command'",
    ],
  })
  for (const { name, summary, text } of TOPICS) {
    const topic = help.command(name).description(summary)
    const page = () =>
      `${narrowed(name === 'options' ? optionsPage(program, text) : text, context.io.stdout.columns)}\n`
    topic.configureHelp({ ...topic.configureHelp(), formatHelp: page }).action(() => {
      checkTextOnly(topic, `help ${name}`, 'a page')
      return print(page())
    })
  }
  help.argument('[command...]', '').action(async (words: string[]) => {
    const { json, output } = help.optsWithGlobals<GlobalOptions>()
    if (words.length === 0 && (json || output === 'json')) {
      for (const command of program.commands) await load(command)
      return print(JSON.stringify(referenceOf(program)))
    }
    checkTextOnly(help, 'help', words.length > 0 ? 'a page' : 'a page, or JSON')
    if (words.length > 0) return print((await find(program, words, load)).helpInformation())
    return print(program.helpInformation())
  })
}

/** @throws WfstoreError usage if there is no such command or topic; the hint names a similar one */
async function find(program: Command, words: readonly string[], load: Load): Promise<Command> {
  let at = program
  for (const word of words) {
    if (at.parent === program) await load(at)
    const next = commandNamed(at, word)
    if (!next) {
      const topics = at === program ? TOPICS.map(({ name }) => name) : []
      const { suggestCommand } = await import('../help/suggest.ts')
      const meant = suggestCommand(at, word, topics)
      throw new WfstoreError('usage', `unknown command or topic '${words.join(' ')}'`, {
        hint: meant ?? 'see `wfstore help`',
      })
    }
    at = next
  }
  if (at.parent === program) await load(at)
  return at
}

/** The prepared text for a terminal that is narrower than it: lines wrap below their own text. */
function narrowed(text: string, width = PAGE_WIDTH): string {
  return text
    .split('\n')
    .flatMap((line) => {
      const indent =
        line.length > width ? (/^ *(?:\S+(?: \S+)* {2,})?/.exec(line)?.[0].length ?? 0) : 0
      const [first = '', ...more] =
        line.length > width ? wrap(line.slice(indent), indent, width) : [line]
      return [line.slice(0, indent) + first, ...more.map((part) => ' '.repeat(indent) + part)]
    })
    .join('\n')
}

function optionsPage(program: Command, text: string): string {
  const help = program.createHelp()
  help.helpWidth = program.configureHelp().helpWidth ?? PAGE_WIDTH
  return `${section('Options of all commands:', optionRows(help.visibleOptions(program)), help)}\n\n${text}`
}
