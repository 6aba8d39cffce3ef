import { getRequestListener } from '@hono/node-server'
import { listen } from '../../../src/server/listen.ts'
import type { Site } from '../../../src/server/site.ts'
import type { TestDatabase } from '../../support/database.ts'
import { openSite, type TestSite } from './support.ts'

export interface ListeningSite extends TestSite {
  url: string
}

/** The pages of a database on a port of this machine, for a browser. */
export async function listenSite(
  database: Pick<TestDatabase, 'url'>,
  given: Partial<Site> = {},
): Promise<ListeningSite> {
  const site = openSite(database, given)
  const answer = getRequestListener((request) => site.fetch(request), {
    overrideGlobalObjects: false,
  })
  const server = await listen((request, response) => answer(request, response), {
    host: '127.0.0.1',
    port: 0,
  })
  return {
    ...site,
    url: `http://127.0.0.1:${server.port}`,
    close: async () => {
      site.stop()
      await server.close()
      await site.close()
    },
  }
}
