import { inLayout, layoutOf } from './distributed/by-layout.ts'
import type { Layout } from './distributed/layout.ts'
import { isPool, type Queryable } from './query/connection.ts'
import { inReadCommitted } from './query/isolation.ts'
import { query, type Run } from './query/query.ts'
import { bound, type Statement } from './query/sql.ts'
import { hiddenRows, TABLES } from './schema.ts'

/** The engine repeats fewer statements. */
const MOST = 100

const MARK = 'hidden by row security: '

/**
 * An expression that is NULL, or an error if policies hide rows of these tables from this role. The server has locked the tables
 * of the statement, so their policies cannot change between this check and the answer.
 */
const guardOf = (tables: readonly string[]): string =>
  `(select case when count(*) > 0 then ('${MARK}' || string_agg(name, ', ' order by name))::bigint end
  from unnest(array['${tables.join("', '")}']) as t (name) where row_security_active(to_regclass(name)))`

const GUARD = guardOf(TABLES)

/** For an engine, which repeats few statements often. The lines of bills have triggers that read further tables. */
const guardOfEngine = (text: string): string =>
  text.includes('wfstore_bill_lines')
    ? GUARD
    : guardOf(TABLES.filter((name) => new RegExp(`\\b${name}\\b`).test(text)))

/** Adds the check to a statement. OFFSET is evaluated before the first row and does not change the plan. */
const guarded = (statement: Statement, guard: (text: string) => string): Statement => {
  const { text, values } = bound(statement)
  return { text: guard(text), values }
}

const whole =
  (run: Run, guard: (text: string) => string): Run =>
  async (statement, shape) => {
    try {
      return await run(guarded(statement, guard), shape)
    } catch (error) {
      const [, names] = new RegExp(`${MARK}([\\w, ]+)`).exec((error as Error).message) ?? []
      throw names === undefined ? error : hiddenRows(names)
    }
  }

/**
 * Reads on a connection whose settings belong to the application. The check needs no round trip and changes no setting of
 * the session. Other statements, such as EXPLAIN, return no rows of the tables.
 * @throws WfstoreError permission_denied if policies hide rows
 */
export const readWhole = (database: Queryable): Run =>
  inItsLayout(
    database,
    whole(
      (statement, shape) => query(database, statement, shape),
      (text) =>
        /^\s*(select|with)\b/i.test(text)
          ? `${answerOf(text, layoutOf(database))} offset ${GUARD}`
          : text,
    ),
  )

/** Citus takes no query in OFFSET if several shards answer, but it does if they have answered. In WHERE a policy may be evaluated first. */
const answerOf = (text: string, layout: Layout): string =>
  layout === 'single'
    ? `select * from (${text}\n) as answer`
    : `with answer as materialized (${text}\n) select * from answer`

/** The check is added to the text for the layout of this database. */
const inItsLayout =
  (database: Queryable, run: Run): Run =>
  (statement, shape) =>
    run(inLayout(statement, layoutOf(database)), shape)

/**
 * The statements of the recorder: WITH changes rows, and a SELECT at the end returns some of them. Those without WITH write one
 * row and no total.
 * @throws WfstoreError permission_denied if policies hide rows; then nothing is written
 */
export const recordWhole = (run: Run): Run => {
  const texts = new Map<string, string>()
  return whole(run, (text) => {
    if (!/^\s*with\b/i.test(text)) return text
    const known = texts.get(text) ?? `${text}\noffset ${guardOfEngine(text)}`
    if (texts.size < MOST) texts.set(text, known)
    return known
  })
}

/**
 * Writes on a connection of the application, in a transaction in which a policy that hides rows is an error. A client may be in a
 * transaction of the application, so there the check is a statement of its own.
 * @throws WfstoreError permission_denied if policies hide rows
 */
export const writeWhole =
  (database: Queryable): Run =>
  async (statement, shape) => {
    if (!isPool(database)) {
      await readWhole(database)('select', {})
      return query(database, statement, shape)
    }
    return inReadCommitted(database, (client) => query(client, statement, shape), [
      'set local row_security = off',
    ])
  }
