import type { Command } from 'commander'
import { embeddedDir } from '../../db/connect.ts'
import { startEmbedded, stopEmbedded } from '../../db/embedded/server.ts'
import { type EmbeddedStatus, embeddedStatus, embeddedUrl } from '../../db/embedded/status.ts'
import type { Context, GlobalOptions } from '../context.ts'
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
    .description('Says whether there is an embedded database here, and whether its server runs.')
  status.action(async () => {
    const options = status.optsWithGlobals<GlobalOptions>()
    selectColumns(statusColumns, options.columns)
    await context.writer(options).record(statusColumns, await embeddedStatus(dir))
  })

  const url = db
    .command('url')
    .description('Prints the URL of the embedded database and starts its server if need be.')
  url
    .addHelpText(
      'after',
      '\nExamples:\n  psql "$(wfstore db url)"\n  DATABASE_URL=$(wfstore db url) node app.js',
    )
    .action(async () => {
      const server = await startEmbedded(dir, { path: context.env.PATH })
      await context.writer(url.optsWithGlobals<GlobalOptions>()).text(embeddedUrl(dir, server))
    })

  const stop = db
    .command('stop')
    .description('Ends the server of the embedded database; the next command starts it again.')
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
