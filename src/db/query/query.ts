import { decodeRows, type RowOf, type Shape } from './decode.ts'
import { databaseError } from './errors.ts'

/** A pg Client, Pool or PoolClient. */
export interface Queryable {
  query(config: {
    /** Under which the connection keeps the statement prepared. */
    name?: string
    text: string
    values?: unknown[]
    types: typeof asText
  }): Promise<{ rows: unknown[] }>
}

/** Runs a statement on whatever database the store has. */
export type Run = <S extends Shape>(
  text: string,
  values: readonly unknown[],
  shape: S,
) => Promise<RowOf<S>[]>

/** Set per query, so that neither a pool that is not ours nor pg as a whole is changed by us. */
const asText = { getTypeParser: () => (value: string | Buffer) => value.toString() }

/**
 * Runs one statement and decodes its rows.
 * @param name under which it is prepared; the same name must always stand for the same text
 * @throws WfstoreError for whatever the server or the connection says.
 */
export async function query<S extends Shape>(
  database: Queryable,
  text: string,
  values: readonly unknown[],
  shape: S,
  name?: string,
): Promise<RowOf<S>[]> {
  const config = { text, values: [...values], types: asText }
  let rows: unknown[]
  try {
    rows = (await database.query(name === undefined ? config : { ...config, name })).rows
  } catch (error) {
    throw databaseError(error, text)
  }
  return decodeRows(shape, rows as Record<string, string | null>[])
}
