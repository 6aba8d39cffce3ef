import { parseLength } from '../options/length.ts'
import { parseQuiet } from '../options/quiet.ts'
import { areTexts, type ConfigCheck, isText, isTrueOrFalse, parsed, text } from './check.ts'

/** The section `ingest` of the config, with the texts of the file. A flag of `wfstore ingest` overrides each of these. */
export interface IngestSettings {
  quiet?: string
  abandon?: string
  content?: boolean
  contentLimit?: string
  dropAttribute?: readonly string[]
  trustCost?: boolean
  defaultUser?: string
  defaultMode?: string
  workflow?: readonly string[]
  user?: readonly string[]
  session?: readonly string[]
  mode?: readonly string[]
  tags?: Readonly<Record<string, readonly string[]>>
}

const names: ConfigCheck = (value) =>
  areTexts(value) ? undefined : 'must be a list of attribute names, such as ["user.id"]'

/** What each key must be. */
export const INGEST: Record<keyof IngestSettings, ConfigCheck> = {
  quiet: parsed(parseQuiet, 'a duration such as "30s" or "0s"'),
  abandon: parsed(parseQuiet, 'a duration such as "1h"'),
  content: isTrueOrFalse,
  contentLimit: parsed(parseLength, 'a number of characters such as "64k"'),
  dropAttribute: names,
  trustCost: isTrueOrFalse,
  defaultUser: text,
  defaultMode: text,
  workflow: names,
  user: names,
  session: names,
  mode: names,
  tags: (value) => {
    const isObject = typeof value === 'object' && value !== null && !Array.isArray(value)
    const entries = isObject ? Object.entries(value) : []
    return isObject && entries.every(([tag, of]) => isText(tag) && areTexts(of))
      ? undefined
      : 'must be an object of lists of attribute names by tag, such as { "team": ["app.team"] }'
  },
}
