import sql, { empty, join, raw, type Sql } from 'sql-template-tag'

/**
 * `sql` joins the pieces of a statement: a value becomes a placeholder, another piece becomes part of the text. `raw`
 * makes a piece of text, which must not come from outside.
 */
export { empty, join, raw, type Sql, sql }

/** Text with the values of its placeholders $1, $2, … */
export interface Bound {
  text: string
  values: unknown[]
}

/** A statement for the server: what `sql` gives, or text without values. */
export type Statement = string | Bound

export const bound = (statement: Statement): Bound =>
  typeof statement === 'string' ? { text: statement, values: [] } : statement

/** Stands for a value in a constant statement. */
export type Named<Name extends string> = (name: Name) => string

/**
 * A statement whose text is made once, because it is sent often or prepared.
 * @returns a function that takes its values by name
 */
export function constant<Name extends string>(
  build: (named: Named<Name>) => Sql,
): (values: Record<Name, unknown>) => Bound {
  const { strings, values } = build((name) => name)
  const names = [...new Set(values as Name[])]
  const text = strings.reduce(
    (before, piece, index) => `${before}$${names.indexOf(values[index - 1] as Name) + 1}${piece}`,
  )
  return (given) => ({ text, values: names.map((name) => given[name]) })
}
