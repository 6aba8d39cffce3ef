import type { Queryable } from '../../../db/query/connection.ts'
import { createApp } from '../../../server/app.ts'
import { siteDatabase } from '../../../server/database.ts'
import type { Site } from '../../../server/site.ts'
import { version } from '../../version.ts'
import { commandLine } from './command-line.ts'

type SiteOptions = Omit<Site, 'database' | 'commandLine' | 'version'>

/** The server over these connections: `wfstore serve` listens for it, `createHandler` hands it requests. */
export const siteOn = (
  connections: Queryable,
  options: SiteOptions,
): ReturnType<typeof createApp> =>
  createApp({
    database: siteDatabase(connections),
    commandLine: commandLine(),
    version,
    ...options,
  })
