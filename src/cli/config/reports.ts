import type { Environment } from '../../db/connect/libpq.ts'
import { isNamed } from '../../db/connect/target.ts'
import type { GlobalOptions } from '../options/global.ts'
import { reportsUrlOf } from './profile.ts'
import type { Settings } from './settings.ts'

/** What names the database for reports. */
export interface ReportsUrl {
  url: string
  source: string
}

/**
 * The database for reports, if one is set. It belongs to the database that the same place names: a profile has its own, and
 * WFSTORE_REPORTS_URL is for the database of the environment. Otherwise a report could be about another database.
 * @throws WfstoreError no_database if a variable in the URL of the profile is not set
 */
export function reportsOf(
  { profile }: Settings,
  env: Environment,
  { reportsUrl, databaseUrl }: GlobalOptions,
): ReportsUrl | undefined {
  if (reportsUrl !== undefined) return { url: reportsUrl, source: '--reports-url' }
  if (databaseUrl !== undefined) return undefined
  if (profile) {
    const url = reportsUrlOf(profile.of, env)
    return url === undefined ? undefined : { url, source: `profile ${profile.of.name}` }
  }
  const url = env.WFSTORE_REPORTS_URL
  return url && isNamed(env) ? { url, source: 'WFSTORE_REPORTS_URL' } : undefined
}
