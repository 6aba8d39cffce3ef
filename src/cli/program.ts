import { Command } from 'commander'
import { WfstoreError } from '../error.ts'
import type { CreateProgram, Load } from './command.ts'
import { COMMANDS, type Entry } from './command-table.ts'
import type { Traits } from './config/settings.ts'
import type { Context } from './context.ts'
import { formatStart } from './help/overview.ts'
import { formatPage, PAGE_WIDTH } from './help/page.ts'
import { addGlobalOptions, isUsual } from './options/global.ts'
import { rejectRepeats } from './options/values.ts'
import { FORMATS } from './output/format.ts'
import { guardStream } from './output/stream.ts'
import { markReaders, readsReplica } from './reads.ts'

export function createProgram(context: Context, version: string): ReturnType<CreateProgram> {
  const program: Command = new Command('wfstore')
    .description('Store the runs of AI workflows in PostgreSQL; monitor, bill and clean them up.')
    .usage('<command> [options]')
    .version(version, '-V, --version', 'print the version')
    .helpOption('-h, --help', 'print help')
    .helpCommand(false)
    .showSuggestionAfterError(false)
    .exitOverride()
    .configureHelp({
      helpWidth: Math.min(context.io.stdout.columns ?? PAGE_WIDTH, PAGE_WIDTH),
      minWidthToWrap: 20,
      formatHelp: (command, help) =>
        command === program ? formatStart(command, help) : formatPage(command, help),
    })
    .configureOutput({
      // main reports a failed write when it flushes the stream.
      writeOut: (text) =>
        void guardStream(context.io.stdout)
          .write(text)
          .catch(() => {}),
      writeErr: (text) => context.io.stderr.write(text),
      // main prints errors, in one format.
      outputError: () => {},
      getOutHasColors: () => false,
      getErrHasColors: () => false,
    })
  addGlobalOptions(
    program,
    COMMANDS.flatMap(({ formats = {} }) => Object.keys(formats)),
  )
  for (const { name, aliases = [], summary, group } of COMMANDS) {
    if (group) program.commandsGroup(group)
    const command = program.command(name).summary(summary).description(`${summary}.`)
    command.aliases(aliases).helpCommand(false)
  }
  const loaded = new Set<Command>()
  const load: Load = async (command) => {
    if (loaded.has(command)) return
    loaded.add(command)
    const entry = COMMANDS.find(({ name }) => name === command.name()) as Entry
    for (const { define } of await Promise.all(entry.load()))
      define(command, context, load, createProgram)
    for (const name of Object.keys(entry.writes ?? {})) {
      const writing = [command, ...command.commands].find((each) => each.name() === name)
      if (writing && !writing.options.some(({ long }) => long === '--yes'))
        writing.option('-y, --yes', 'skip the confirmation for a production database')
    }
    markReaders([command, ...command.commands], entry.reads)
    for (const each of [command, ...command.commands]) rejectRepeats(each)
  }
  program.hook('preAction', (_, command) => checkFormat(program, command))
  program.hook('preSubcommand', (_, command) => load(command))
  return Object.assign(program, { load })
}

/** What the config needs to know about the command. */
export function traitsOf(command: Command): Traits {
  const names: string[] = []
  for (let at = command; at.parent; at = at.parent) names.unshift(at.name())
  const entry = COMMANDS.find(({ name }) => name === names[0])
  const writes = entry?.writes?.[command.name()]
  return {
    path: names.join(' '),
    writes: writes === 'sets' || writes === 'lets' ? onlyIf(WRITES[writes](command)) : writes,
    reads: readsReplica(command),
    ownDatabase: entry?.ownDatabase === true,
  }
}

const onlyIf = (writes: boolean) => (writes ? 'begins' : undefined)
const WRITES = {
  sets: ({ args }: Command) => args.length > 0,
  lets: (command: Command) => {
    const { allowWrites, ingest } = command.opts<{ allowWrites?: true; ingest?: true }>()
    return allowWrites === true || ingest === true
  },
}

/** @throws WfstoreError usage if the output format belongs to another command */
function checkFormat(program: Command, command: Command): void {
  const { output = 'table' } = program.opts<{ output?: string }>()
  if (isUsual(output)) return
  const entry = COMMANDS.find(({ name }) => name === command.parent?.name())
  if (entry?.formats?.[output] === command.name()) return
  throw new WfstoreError(
    'usage',
    `option '-o, --output <format>' argument '${output}' is invalid. Allowed choices are ${FORMATS.join(', ')}`,
  )
}
