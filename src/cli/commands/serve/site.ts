import { createApp } from '../../../server/app.ts'
import type { Site } from '../../../server/site.ts'
import type { CreateProgram } from '../../command.ts'
import { version } from '../../version.ts'
import { commandLine } from './command-line.ts'

type SiteOptions = Omit<Site, 'commandLine' | 'version'> & { createProgram: CreateProgram }

/** `wfstore serve` listens for it, `createHandler` hands it requests. */
export const siteOn = ({ createProgram, ...site }: SiteOptions): ReturnType<typeof createApp> =>
  createApp({ commandLine: commandLine({ createProgram }), version, ...site })
