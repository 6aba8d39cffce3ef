import * as d from '../db/query/decode.ts'
import type { Run } from '../db/query/query.ts'
import { join, raw, sql } from '../db/query/sql.ts'
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

async function lookUp(
  run: Run,
  kind: IdKind,
  ids: readonly string[],
  { removed = false }: { removed?: boolean },
) {
  const { column, tables } = KINDS[kind]
  const ranges = ids.map((id) => rangeOf(kind, id))
  // One id for each index lookup: a run has any number of entries.
  const first = `select (select ${column} from TABLE where ${column} between a.first and a.last order by ${column} limit 1)`
  const next = `select (select ${column} from TABLE where ${column} > each.id and ${column} <= a.last order by ${column} limit 1) from each where id is not null`
  const parts = (removed ? tables : tables.slice(0, 1)).map((table) =>
    raw(
      `(with recursive each (id) as (${first} union all ${next}) select id from each where id is not null limit ${CANDIDATES + 1})`.replaceAll(
        'TABLE',
        table,
      ),
    ),
  )
  return run(
    sql`select a.place, i.id
     from unnest(${ranges.map(([low]) => low)}::uuid[], ${ranges.map(([, high]) => high)}::uuid[])
          with ordinality as a (first, last, place)
     cross join lateral (${join(parts, ' union ')}) i order by a.place, i.id`,
    { place: d.count('a.place'), id: d.uuid('i.id') },
  )
}
