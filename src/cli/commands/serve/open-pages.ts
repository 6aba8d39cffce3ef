import { once } from 'node:events'
import { WfstoreError } from '../../../error.ts'
import { linkAccess } from '../../../server/access/link.ts'
import type { CreateProgram } from '../../command.ts'
import type { Context } from '../../context.ts'
import { urlOf } from '../../options/address.ts'
import type { GlobalOptions } from '../../options/global.ts'
import { openInBrowser } from '../../terminal/browser.ts'
import { reportRefusals } from '../../terminal/refusals.ts'
import { openDatabase, startServer } from './start.ts'

/** Serves the pages on a free port to one browser, until it is interrupted. */
export async function openPages(
  context: Context,
  flags: GlobalOptions,
  path: string,
  createProgram: CreateProgram,
): Promise<void> {
  const { io, env } = context
  const page = pageOf(path)
  const database = await openDatabase(context, flags)
  if (io.signal.aborted) return
  const { note } = context.writer(flags)
  const refusals = reportRefusals(note, () => io.now().getTime())
  context.atEnd(async () => refusals.end())
  const { link, ...access } = linkAccess(page)
  const server = await startServer(
    context,
    { database, access, basePath: '', allowWrites: false },
    {
      flags,
      listen: { host: '127.0.0.1', port: 0 },
      hosts: new Set(['127.0.0.1']),
      refusals,
      createProgram,
    },
  )
  const url = urlOf(server)
  const opened = await openInBrowser(url + link, io, env)
  note(
    opened
      ? `${url} is open in the browser; Ctrl-C ends it`
      : `no browser was found; open ${url}${link} (works once)`,
  )
  if (!io.signal.aborted) await once(io.signal, 'abort')
}

/** @throws WfstoreError usage for another server */
function pageOf(path: string): string {
  const here = 'http://here.invalid'
  const url = URL.canParse(path, `${here}/`) ? new URL(path, `${here}/`) : undefined
  if (url?.origin === here) return url.pathname + url.search
  throw new WfstoreError('usage', `${path} is not a page`, {
    hint: 'name a page such as executions or cost',
  })
}
