import * as d from '../db/query/decode.ts'
import type { Run } from '../db/query/query.ts'
import { join, raw, type Sql, sql } from '../db/query/sql.ts'
import { WfstoreError } from '../error.ts'

interface Kind {
  /** With its article: 'an execution'. */
  one: string
  many: string
  /** The table of the rows, then tables that name rows which cleanup has removed. */
  tables: readonly [string, ...string[]]
  column: string
  /** For an id that does not exist. */
  hint: string
}

const KINDS = {
  execution: {
    one: 'an execution',
    many: 'executions',
    tables: ['workflow_executions', 'audit_logs', 'billing_records'],
    column: 'execution_id',
    hint: 'it may have been deleted, or removed by a cleanup',
  },
  'audit entry': {
    one: 'an audit entry',
    many: 'audit entries',
    tables: ['audit_logs'],
    column: 'log_id',
    hint: 'it may have been deleted, or removed by a cleanup',
  },
  bill: {
    one: 'a bill',
    many: 'bills',
    tables: ['billing_records'],
    column: 'billing_id',
    hint: 'list bills with `wfstore billing records`',
  },
  token: {
    one: 'a token',
    many: 'tokens',
    tables: ['wfstore_tokens'],
    column: 'token_id',
    hint: 'list tokens with `wfstore token list`',
  },
} as const satisfies Record<string, Kind>
export type IdKind = keyof typeof KINDS

const SHORTEST = 8
const ZERO = '00000000-0000-0000-0000-000000000000'

/** Whether a text is a UUID, or at least its first 8 characters. */
export function isIdStart(text: string): boolean {
  const given = text.toLowerCase()
  return (
    given.length <= ZERO.length &&
    given.length >= SHORTEST &&
    [...given].every((character, index) =>
      ZERO[index] === '-' ? character === '-' : /[0-9a-f]/.test(character),
    )
  )
}

/**
 * The smallest and largest id that begin with these characters.
 * @throws WfstoreError usage if they are not a UUID or the beginning of a UUID
 */
export function rangeOf(kind: IdKind, id: string): [first: string, last: string] {
  const given = String(id).toLowerCase()
  if (!isIdStart(given)) {
    throw new WfstoreError('usage', `${JSON.stringify(id)} is not ${KINDS[kind].one} id`, {
      hint: `use a UUID, or at least its first ${SHORTEST} characters`,
    })
  }
  return [given + ZERO.slice(given.length), given + ZERO.slice(given.length).replaceAll('0', 'f')]
}

export const missing = (kind: IdKind, id: string): WfstoreError =>
  new WfstoreError('not_found', `${kind} ${id} does not exist`, { hint: KINDS[kind].hint })

export const CANDIDATES = 10

/**
 * The whole ids that begin with these characters, in order; at most one more than CANDIDATES.
 * @throws WfstoreError usage if it is not the beginning of an id
 */
export async function matchingIds(
  run: Run,
  kind: IdKind,
  id: string,
  options: { removed?: boolean } = {},
): Promise<string[]> {
  const found = await lookUp(run, kind, [id], options)
  return found.map((match) => match.id)
}

/**
 * The whole ids of rows, each once, in the given order.
 * @param ids whole ids, or at least their first 8 characters as screens show them
 * @param removed include runs that only audit entries or bills name, because cleanup has removed them
 * @throws WfstoreError usage if one is not an id or matches several, not_found
 */
export async function findIds(
  run: Run,
  kind: IdKind,
  ids: readonly string[],
  { removed = false }: { removed?: boolean } = {},
): Promise<string[]> {
  if (ids.length === 0) throw new WfstoreError('usage', `no ${kind} id is given`)
  const found = await lookUp(run, kind, ids, { removed })
  const whole = ids.map((id, index) => {
    const matches = found.filter(({ place }) => place === index + 1).map((match) => match.id)
    const [match] = matches
    if (match === undefined) throw missing(kind, id)
    if (matches.length === 1) return match
    const shown = matches.slice(0, CANDIDATES).join(', ')
    throw new WfstoreError('usage', `${id} matches several ${KINDS[kind].many}`, {
      hint: `use more characters: ${shown}${matches.length > CANDIDATES ? ', …' : ''}`,
    })
  })
  return [...new Set(whole)]
}

/** The ids that one of the given ids may be the beginning of. */
interface Range {
  /** The place of the given id, from 1. */
  place: number
  first: string
  last: string
}

interface Match {
  place: number
  id: string
}

/** The whole ids that begin with these, in order; of each at most CANDIDATES + 1. */
async function lookUp(
  run: Run,
  kind: IdKind,
  ids: readonly string[],
  { removed = false }: { removed?: boolean },
): Promise<Match[]> {
  const { column, tables } = KINDS[kind]
  const [own, ...others] = tables
  const naming = removed ? others : []
  const ranges = ids.map((id, index): Range => {
    const [first, last] = rangeOf(kind, id)
    return { place: index + 1, first, last }
  })
  const starts = ranges.filter(({ first, last }) => first !== last)
  const whole = ranges.filter(({ first, last }) => first === last)
  const found = [
    ...(await matchWhole(run, column, [own], whole)),
    ...(await match(
      run,
      starts.flatMap((range) => [
        part(own, column, range, `order by 2 limit ${CANDIDATES + 1}`),
        // A run has any number of entries, of which the first and the last id are read.
        ...naming.flatMap((table) =>
          ['order by 2 limit 1', 'order by 2 desc limit 1'].map((rest) =>
            part(table, column, named(range), rest),
          ),
        ),
      ]),
    )),
  ]
  const at = (place: number): string[] =>
    [...new Set(found.filter((one) => one.place === place).map(({ id }) => id))].sort()
  const gone = whole.filter(({ place, first }) => first !== ZERO && at(place).length === 0)
  found.push(...(await matchWhole(run, column, naming, gone)))
  const several = starts.filter(({ place }) => at(place).length > 1)
  const each = `group by 2 order by 2 limit ${CANDIDATES + 1}`
  found.push(
    ...(await match(
      run,
      several.flatMap((range) => naming.map((table) => part(table, column, named(range), each))),
    )),
  )
  return ranges.flatMap(({ place }) =>
    at(place)
      .slice(0, CANDIDATES + 1)
      .map((id) => ({ place, id })),
  )
}

/** Rows without a run may have the first id of all. */
const named = (range: Range): Range =>
  range.first === ZERO ? { ...range, first: ZERO.replace(/.$/, '1') } : range

const part = (table: string, column: string, { place, first, last }: Range, rest: string): Sql =>
  sql`(select ${place}::int as place, ${raw(column)} as id from ${raw(table)}
    where ${raw(column)} between ${first}::uuid and ${last}::uuid ${raw(rest)})`

const match = async (run: Run, parts: readonly Sql[]): Promise<Match[]> =>
  parts.length === 0 ? [] : run(join(parts, ' union all '), { place: d.count(), id: d.uuid() })

/** Those of these whole ids that a row of the tables has. */
async function matchWhole(
  run: Run,
  column: string,
  tables: readonly string[],
  ranges: readonly Range[],
): Promise<Match[]> {
  if (tables.length === 0 || ranges.length === 0) return []
  const wanted = ranges.map(({ first }) => first)
  const parts = tables.map(
    (table) =>
      sql`select ${raw(column)} as id from ${raw(table)} where ${raw(column)} = any(${wanted}::uuid[])`,
  )
  const found = new Set((await run(join(parts, ' union '), { id: d.uuid() })).map(({ id }) => id))
  return ranges
    .filter(({ first }) => found.has(first))
    .map(({ place, first }) => ({ place, id: first }))
}
