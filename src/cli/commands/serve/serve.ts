import { once } from 'node:events'
import { getRequestListener } from '@hono/node-server'
import { siteDatabase } from '../../../server/database.ts'
import { listen } from '../../../server/listen.ts'
import type { CreateProgram, Define } from '../../command.ts'
import type { Context } from '../../context.ts'
import { type Address, parseAddress, urlOf } from '../../options/address.ts'
import type { GlobalOptions } from '../../options/global.ts'
import { siteOn } from './site.ts'

interface ServeFlags extends GlobalOptions {
  listen: Address
}

export const define: Define = (serve, context, _, createProgram) => {
  serve
    .option('--listen <address>', 'HOST:PORT (default: 127.0.0.1:8787)', parseAddress, {
      host: '127.0.0.1',
      port: 8787,
    })
    .action(() => run(context, serve.optsWithGlobals<ServeFlags>(), createProgram))
}

async function run(
  context: Context,
  flags: ServeFlags,
  createProgram: CreateProgram,
): Promise<void> {
  const { io } = context
  const { note } = context.writer(flags)
  const app = siteOn({
    createProgram,
    database: siteDatabase(await context.pool(flags), { own: true }),
    access: { authenticate: async () => ({ name: 'local', can: 'read' }) },
    basePath: '',
    allowWrites: false,
    now: io.now,
    stopping: io.signal,
    onError: () => {},
  })
  const answer = getRequestListener(app.fetch)
  const server = await listen((request, response) => answer(request, response), flags.listen)
  context.atEnd(server.close)
  note(`listening on ${urlOf(server)}`)
  await once(io.signal, 'abort')
}
