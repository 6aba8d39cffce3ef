import { createApp } from '../../../server/app.ts'
import type { Site } from '../../../server/site.ts'
import { version } from '../../version.ts'
import { commandLine } from './command-line.ts'

type SiteOptions = Omit<Site, 'commandLine' | 'version'>

/** `wfstore serve` listens for it, `createHandler` hands it requests. */
export const siteOn = (options: SiteOptions): ReturnType<typeof createApp> =>
  createApp({ commandLine: commandLine(), version, ...options })
