import type { Command } from 'commander'
import { embeddedDir } from '../../db/connect/target.ts'
import { startEmbedded, stopEmbedded } from '../../db/embedded/server.ts'
import { type EmbeddedStatus, embeddedStatus, embeddedUrl } from '../../db/embedded/status.ts'
import type { Context } from '../context.ts'
import { explain } from '../help/page.ts'
import type { GlobalOptions } from '../options/global.ts'
import { type Column, selectColumns } from '../output/column.ts'

const statusColumns: Column<EmbeddedStatus>[] = [
  { name: 'state', kind: 'text' },
  { name: 'folder', kind: 'text' },
  { name: 'version', header: 'PostgreSQL', kind: 'text' },
  { name: 'pid', header: 'Process', kind: 'count' },
  { name: 'startedAt', header: 'Started', kind: 'time' },
  { name: 'url', kind: 'text' },
  { name: 'log', kind: 'text' },
]

export function define(db: Command, context: Context): void {
  const dir = embeddedDir(context.io.cwd)

  const status = db
    .command('status')
    .summary('is there an embedded database here, and does its server run?')
    .description('Says whether there is an embedded database here, and whether its server runs.')
  explain(status, { examples: ['wfstore db status', 'wfstore db status --json | jq .state'] })
  status.action(async () => {
    const options = status.optsWithGlobals<GlobalOptions>()
    selectColumns(statusColumns, options.columns)
    await context.writer(options).record(statusColumns, await embeddedStatus(dir))
  })

  const url = db
    .command('url')
    .summary('prints its URL, and starts its server if need be')
    .description('Prints the URL of the embedded database and starts its server if need be.')
  explain(url, {
    exit: '3 where there is no embedded database here.',
    examples: ['psql "$(wfstore db url)"', 'DATABASE_URL=$(wfstore db url) node app.js'],
  }).action(async () => {
    const server = await startEmbedded(dir, { path: context.env.PATH })
    await context.writer(url.optsWithGlobals<GlobalOptions>()).text(embeddedUrl(dir, server))
  })

  const stop = db
    .command('stop')
    .summary('ends its server; the next command starts it again')
    .description('Ends the server of the embedded database; the next command starts it again.')
  explain(stop, { exit: '0 where none runs, too.', examples: ['wfstore db stop'] })
  stop.action(async () => {
    const pid = await stopEmbedded(dir)
    const writer = context.writer(stop.optsWithGlobals<GlobalOptions>())
    writer.note(
      pid === undefined
        ? 'no embedded server runs here'
        : `stopped the embedded server (pid ${pid})`,
    )
  })
}
