import * as d from '../db/query/decode.ts'
import type { Run } from '../db/query/query.ts'
import { sql } from '../db/query/sql.ts'
import { WfstoreError } from '../error.ts'
import { checkNames } from '../options.ts'
import { ZONE } from './billing/periods.ts'
import { nameOf } from './table/validate.ts'

const settingsShape = {
  /** The tags whose values the history keeps of removed runs, so that totals by them survive cleanup. */
  costTags: d.texts(`coalesce((select cost_tags from wfstore_settings), '{}')`),
  /** IANA name of the zone in which billing periods begin; `billing.setZone` sets it. */
  billingZone: d.text(ZONE),
}
/** The settings that the database keeps, for all who use it. */
export type StoreSettings = d.RowOf<typeof settingsShape>

export interface SettingsPatch {
  /** At most 20 names of tags; an empty list for none. Later cleanups keep their values. */
  costTags: readonly string[]
}

export interface SettingsAccess {
  get: () => Promise<StoreSettings>
  /** Sets what is given, and returns all settings. @throws WfstoreError usage */
  set: (patch: SettingsPatch) => Promise<StoreSettings>
}

export const settingsOf = (read: Run, write: Run): SettingsAccess => ({
  get: () => getSettings(read),
  set: (patch) => setSettings(write, patch),
})

export async function getSettings(run: Run): Promise<StoreSettings> {
  const [row] = await run(`select ${d.selectList(settingsShape, 's')}`, settingsShape)
  return row as StoreSettings
}

/** A run has no more tags. */
const MOST = 20

async function setSettings(run: Run, patch: SettingsPatch): Promise<StoreSettings> {
  checkNames('settings.set', patch, { costTags: true })
  const { costTags } = patch
  if (!Array.isArray(costTags)) throw new WfstoreError('usage', 'costTags is not a list')
  const names = [...new Set(costTags.map((name) => nameOf('a name in costTags', name)))]
  if (names.length > MOST)
    throw new WfstoreError('usage', `costTags has ${names.length} names, more than ${MOST}`, {
      hint: 'keep the tags that you bill or report by',
    })
  // Without a row the zone is UTC, and it stays UTC.
  await run(
    sql`insert into wfstore_settings (time_zone, cost_tags) values ('UTC', ${names}::text[])
     on conflict (only_row) do update set cost_tags = excluded.cost_tags`,
    {},
  )
  return getSettings(run)
}
