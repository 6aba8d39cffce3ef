import { tokenAccess } from '../../../src/server/access/token-access.ts'
import { siteDatabase } from '../../../src/server/database.ts'
import type { Site, SiteDatabase } from '../../../src/server/site.ts'
import { runCli } from '../../support/cli.ts'
import { openPool, type TestDatabase } from '../../support/database.ts'
import { openSite, type TestSite } from '../pages/support.ts'

export interface TokenSite extends TestSite {
  /** How often the database was asked. */
  asked: () => number
  /** Moves the clock of the server. */
  later: (ms: number) => void
}

/** A server whose callers have tokens, and whose clock moves only when a test says so. */
export function openTokenSite(
  database: TestDatabase,
  given: Partial<Site> & { behindProxy?: boolean } = {},
): TokenSite {
  const { behindProxy = false, ...others } = given
  const pool = openPool({ connectionString: database.url })
  const real = siteDatabase(pool)
  let asked = 0
  let time = Date.now()
  const counted: SiteDatabase = {
    ...real,
    read: (signal, work) => {
      asked += 1
      return real.read(signal, work)
    },
  }
  const now = () => new Date(time)
  const basePath = given.basePath ?? ''
  const access = {
    ...tokenAccess({ database: counted, basePath, now, behindProxy }),
    behindProxy,
  }
  const site = openSite(database, { access, now, ...others })
  return {
    ...site,
    asked: () => asked,
    later: (ms) => {
      time += ms
    },
    close: async () => {
      await site.close()
      await pool.end()
    },
  }
}

/** Runs `wfstore token` with these words. */
export const tokenCommand = (database: TestDatabase, words: string) =>
  runCli(['token', ...words.split(' '), '--database-url', database.url])

export async function createToken(database: TestDatabase, words: string): Promise<string> {
  const { code, stdout } = await tokenCommand(database, `create ${words}`)
  if (code !== 0) throw new Error('the token is not created')
  return stdout.trim()
}
