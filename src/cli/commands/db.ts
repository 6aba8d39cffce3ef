import type { Command } from 'commander'
import { embeddedDir } from '../../db/connect/target.ts'
import { startEmbedded, stopEmbedded, trustEmbedded } from '../../db/embedded/server.ts'
import { type EmbeddedStatus, embeddedStatus, embeddedUrl } from '../../db/embedded/status.ts'
import type { Context } from '../context.ts'
import { explain } from '../help/page.ts'
import { type GlobalOptions, isData } from '../options/global.ts'
import { checkOutput, checkTextOnly } from '../options/output.ts'
import type { Column } from '../output/column.ts'
import { trustQuestion } from '../terminal/trust.ts'

const statusColumns: Column<EmbeddedStatus>[] = [
  { name: 'state', kind: 'text' },
  { name: 'folder', kind: 'text' },
  { name: 'version', header: 'PostgreSQL', kind: 'text' },
  {
    name: 'pid',
    header: 'Process',
    kind: 'count',
    // Not a quantity: without separators.
    cell: ({ pid }) => (pid == null ? null : String(pid)),
  },
  { name: 'startedAt', header: 'Started', kind: 'time' },
  { name: 'url', kind: 'text' },
  { name: 'log', kind: 'text' },
]

const urlColumns: Column<{ url: string }>[] = [{ name: 'url', kind: 'text', isName: true }]

export function define(db: Command, context: Context): void {
  const { env, io } = context
  const dir = embeddedDir(io.cwd)

  const status = db
    .command('status')
    .summary('Show whether the embedded database exists and runs')
    .description('Show whether the embedded database exists and whether its server is running.')
  explain(status, { examples: ['wfstore db status', 'wfstore db status --json | jq .state'] })
  status.action(async () => {
    const options = status.optsWithGlobals<GlobalOptions>()
    checkOutput(statusColumns, options)
    const writer = context.writer(options)
    const found = await embeddedStatus(dir, env)
    await writer.record(statusColumns, found)
    if (found.state === 'untrusted')
      writer.note(
        'you have not created this database here; if you trust it, run `wfstore db trust`',
      )
  })

  const url = db
    .command('url')
    .summary('Print its URL; start its server if needed')
    .description('Print the URL of the embedded database. Starts its server if needed.')
  explain(url, {
    exit: '3 if there is no embedded database in this folder.',
    examples: ['psql "$(wfstore db url)"', 'DATABASE_URL=$(wfstore db url) node app.js'],
  }).action(async () => {
    const options = url.optsWithGlobals<GlobalOptions>()
    checkOutput(urlColumns, options)
    const writer = context.writer(options)
    const server = await startEmbedded(dir, {
      ...{ path: env.PATH, env, confirm: trustQuestion(io) },
    })
    const text = embeddedUrl(dir, server)
    if (isData(options)) await writer.record(urlColumns, { url: text })
    else await writer.text(text)
  })

  const stop = db
    .command('stop')
    .summary('Stop its server; the next command starts it again')
    .description('Stop the server of the embedded database. The next command starts it again.')
  explain(stop, { exit: '0 also if no server is running.', examples: ['wfstore db stop'] })
  stop.action(async () => {
    checkTextOnly(stop, 'db stop', 'no data')
    const pid = await stopEmbedded(dir, env)
    const writer = context.writer(stop.optsWithGlobals<GlobalOptions>())
    writer.note(
      pid === undefined
        ? 'no embedded server is running in this folder'
        : `stopped the embedded server (pid ${pid})`,
    )
  })

  const trust = db
    .command('trust')
    .summary('Trust a database from another folder, machine or user')
    .description('Trust the embedded database of this folder, so that wfstore starts it.')
  explain(trust, {
    about:
      'A database can contain functions and triggers that run code as the user who starts its server. So wfstore starts only databases that you created in their folder, also after it is renamed. It asks about a copy, a restored backup or an unpacked archive, and refuses it without a terminal.',
    exit: '3 if there is no embedded database in this folder, or another user owns it.',
    examples: ['wfstore db trust'],
  }).action(async () => {
    checkTextOnly(trust, 'db trust', 'no data')
    const fresh = trustEmbedded(dir, env)
    const writer = context.writer(trust.optsWithGlobals<GlobalOptions>())
    writer.note(
      fresh ? `trusted the database in ${dir}` : `the database in ${dir} is trusted already`,
    )
  })
}
