import tag, * as pieces from 'sql-template-tag'

/** Text with the values of its placeholders $1, $2, … */
export interface Bound {
  text: string
  values: unknown[]
  /** The execution of which it reads and writes only rows. In a distributed store it runs on the shards of this execution. */
  run?: string
  /** A query of this execution as `run`, if only another id of the row is known. */
  runOf?: Bound
  /** Several executions of this kind, and the statement for some of them: it runs once for each shard. */
  runs?: { ids: readonly string[]; of: (ids: readonly string[]) => Bound }
}

/** A piece of SQL: the texts around its values. Defined here so that the public types need no types of another package. */
export interface Sql extends Bound {
  strings: string[]
}

/** Joins pieces of a statement: a value becomes a placeholder, another piece becomes part of the text. */
export const sql: (strings: readonly string[], ...values: unknown[]) => Sql = tag
/** A piece of constant text. It must not come from users. */
export const raw: (text: string) => Sql = pieces.raw
export const empty: Sql = pieces.empty
/** Joins one or more pieces or values. */
export const join: (
  values: readonly unknown[],
  separator: string,
  before?: string,
  after?: string,
) => Sql = pieces.join

/** A quoted identifier. */
export const quote = (name: string): string => `"${name.replaceAll('"', '""')}"`

/** A text as a constant of SQL on one line, for statements that people read. */
export const literal = (text: string): string =>
  /[\\\p{Cc}]/u.test(text)
    ? `e'${JSON.stringify(text).slice(1, -1).replaceAll("'", "''")}'`
    : `'${text.replaceAll("'", "''")}'`

/** A statement for the server: the result of `sql`, or text without values. */
export type Statement = string | Bound

export const bound = (statement: Statement): Bound =>
  typeof statement === 'string' ? { text: statement, values: [] } : statement

/** The placeholder of a named value in a constant statement. */
export type Named<Name extends string> = (name: Name) => string

/**
 * A statement whose text is created once, because it is sent often or prepared.
 * @param run the value with the id of the execution, if the statement reads and writes only rows of this execution
 * @returns a function that takes the values by name
 */
export function constant<Name extends string>(
  build: (named: Named<Name>) => Sql,
  { run }: { run?: NoInfer<Name> } = {},
): (values: Record<Name, unknown>) => Bound {
  const { strings, values } = build((name) => name)
  const names = [...new Set(values as Name[])]
  const text = strings.reduce(
    (before, piece, index) => `${before}$${names.indexOf(values[index - 1] as Name) + 1}${piece}`,
  )
  return (given) => {
    const values = names.map((name) => given[name])
    return run === undefined ? { text, values } : { text, values, run: String(given[run]) }
  }
}
