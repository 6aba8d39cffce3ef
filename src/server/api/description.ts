/** What the API needs to know about a command of wfstore. */
export interface CommandDescription {
  summary: string
  description: string
  about: string | undefined
  flags: readonly FlagDescription[]
  argument: ArgumentDescription | undefined
}

export interface ArgumentDescription {
  name: string
  description: string
}

/** A flag of a command, which is a parameter of the API. */
export interface FlagDescription {
  /** Without dashes: 'stuck-after'. */
  name: string
  description: string
  value: 'none' | 'one' | 'list'
  mandatory: boolean
  /** The values that it takes. */
  choices: readonly string[] | undefined
  /** Several of the choices, separated by commas. */
  several: boolean
  /** What the value is, such as 'month'. */
  kind: string | undefined
  default: unknown
  /** Names that people know from other programs. */
  synonyms: readonly string[]
}
