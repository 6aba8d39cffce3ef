import { parseLength } from '../options/length.ts'
import { parseQuiet } from '../options/quiet.ts'

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

type Check = (value: unknown) => string | undefined

const isText = (value: unknown): value is string =>
  typeof value === 'string' && value.trim() !== '' && !value.includes('\0')

/** A text that a parser of the command line takes. */
const parsed =
  (parse: (text: string) => unknown, what: string): Check =>
  (value) => {
    try {
      if (isText(value)) parse(value)
      return isText(value) ? undefined : `must be ${what}`
    } catch {
      return `must be ${what}`
    }
  }

const isTrueOrFalse: Check = (value) =>
  typeof value === 'boolean' ? undefined : 'must be true or false'
const text: Check = (value) => (isText(value) ? undefined : 'must be a string that is not empty')
const areNames = (value: unknown): boolean =>
  Array.isArray(value) && value.length > 0 && value.every(isText)
const names: Check = (value) =>
  areNames(value) ? undefined : 'must be a list of attribute names, such as ["user.id"]'

/** What each key must be. */
export const INGEST: Record<keyof IngestSettings, Check> = {
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
    return isObject && entries.every(([tag, of]) => isText(tag) && areNames(of))
      ? undefined
      : 'must be an object of lists of attribute names by tag, such as { "team": ["app.team"] }'
  },
}
