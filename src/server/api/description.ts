/** What the API needs to know about a command of wfstore. */
export interface CommandDescription {
  summary: string
  description: string
  about: string | undefined
  /** It may read from a replica. */
  reads: boolean
  flags: readonly FlagDescription[]
  argument: ArgumentDescription | undefined
  /** What it prints, with a flag or without it. The first one whose flag is given counts. */
  printed: readonly PrintedDescription[]
}

export interface PrintedDescription {
  flag: string | undefined
  /** 'either': an object, or a list for several ids. */
  form: 'rows' | 'record' | 'either'
  members: readonly MemberDescription[]
}

/** A member of a JSON object. */
export interface MemberDescription {
  name: string
  kind: string
  /** Whether it can be null; undefined if that is not known. */
  nullable: boolean | undefined
  /** 'sometimes': it depends on parameters. 'asked': only if the parameter columns names it. */
  shown: 'always' | 'sometimes' | 'asked'
  /** Of the objects of a list inside. */
  members: readonly MemberDescription[] | undefined
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
  /** The only values that it takes. */
  choices: readonly string[] | undefined
  /** The smallest value, if it takes whole numbers. */
  least: number | undefined
  /** Some of the values that it takes. */
  examples: readonly string[] | undefined
  /** What the value is, such as 'month'. */
  kind: string | undefined
  default: unknown
  /** Names that people know from other programs. */
  synonyms: readonly string[]
}
