import { empty, join, raw, type Sql, sql } from '../../db/query/sql.ts'
import { WfstoreError } from '../../error.ts'
import { useInstead } from '../../options.ts'
import { type ColumnDescription, SQL_TYPES } from '../../tables/column.ts'
import type { ExecutionStatus } from '../../tables/executions.ts'
import { filterValue, type Sent } from './fields.ts'
import { timeOf } from './validate.ts'

/** An instant and the text that it was given as. */
export interface TimeBound {
  text: string
  /** RFC 3339. */
  at: string
  /** The instant from which '7d' counts, in whole seconds. A cursor keeps it, so that '7d' is the same on all pages. */
  countsFrom?: Date | undefined
}

/** An instant: a Date, RFC 3339 with a zone, or a parsed text of the command line. */
export type TimeLimit = Date | string | TimeBound

/** The value of a filter: one, or a list with at least one, of which a row must have any. */
export type OneOrMore<Value extends string = string> = Value | readonly Value[]

/** The tags that a row must have: each of these names, with its value or with any value of its list. */
export type TagFilter = Readonly<Record<string, OneOrMore>>

/** The filters of a list of executions. Values match exactly. */
export interface ExecutionFilter {
  userId?: OneOrMore | undefined
  status?: OneOrMore<ExecutionStatus> | undefined
  /** The part of the application that started the run. */
  mode?: OneOrMore | undefined
  modelId?: OneOrMore | undefined
  workflowName?: OneOrMore | undefined
  /** Runs with a step that used one of these tools. */
  toolName?: OneOrMore | undefined
  executionId?: OneOrMore | undefined
  /** Runs with these tags, such as { team: ['sales', 'marketing'], project: 'x' }: all names, and any value of each. */
  tags?: TagFilter | undefined
  /** Runs of this conversation. */
  sessionId?: OneOrMore | undefined
  /** The runs that this run started. */
  parentExecutionId?: OneOrMore | undefined
  /** Runs that started at this instant or later. */
  since?: TimeLimit | undefined
  /** Runs that started before this instant. */
  until?: TimeLimit | undefined
}

/** WHERE with all these conditions; empty without conditions. */
export const where = (conditions: readonly Sql[]): Sql =>
  conditions.length === 0 ? empty : sql`where ${join(conditions, ' and ')}`

/** More conditions of a WHERE clause; empty without conditions. */
export const and = (conditions: readonly Sql[]): Sql =>
  conditions.length === 0 ? empty : join(conditions, ' and ', 'and ')

/** A condition of several values may have a condition for each of them. */
export interface Condition extends Sql {
  each?: readonly Sql[]
}

/** The condition of one filter. @throws WfstoreError usage if the value is invalid */
export type Criterion = (name: string, value: unknown) => Condition

/** One value, or any of several. One value is an equality, so that its index also gives the order. */
export const equals =
  (column: string, description: ColumnDescription): Criterion =>
  (name, value) =>
    anyOf(column, description, sentOf(description, name, value))

/** The same for a column whose index has the rows of one value in the order of the list: a list can merge its values. */
export const inOrder =
  (column: string, description: ColumnDescription): Criterion =>
  (name, value) => {
    const values = sentOf(description, name, value)
    return Object.assign(anyOf(column, description, values), {
      each: values.map((each) => anyOf(column, description, [each])),
    })
  }

function anyOf(column: string, description: ColumnDescription, values: readonly Sent[]): Sql {
  const type = raw(SQL_TYPES[description.type])
  return values.length === 1
    ? sql`${raw(column)} = ${values[0]}::${type}`
    : sql`${raw(column)} = any(${values}::${type}[])`
}

/** Each once as it is sent: a list that merges two equal values would have their rows twice. */
const sentOf = (description: ColumnDescription, name: string, value: unknown): Sent[] => [
  ...new Set(valuesOf(name, value).map((one) => filterValue(description, name, one))),
]

/** The different values of a filter. @throws WfstoreError usage for an empty list, which would match no row */
export function valuesOf(name: string, value: unknown): unknown[] {
  if (!Array.isArray(value)) return [value]
  if (value.length > 0) return [...new Set(value)]
  throw new WfstoreError('usage', `${name} is an empty list`, {
    hint: `give at least one value, or leave out ${name} for all`,
  })
}

/** Written as in the partial index: with a bound value the server would not use that index. */
export const holds =
  (column: string): Criterion =>
  (name, value) => {
    if (typeof value !== 'boolean') throw new WfstoreError('usage', `${name} is not true or false`)
    return raw(value ? column : `not ${column}`)
  }

/** The conditions of the given filters. An unknown filter is an error, because without it the answer would be wrong. */
export function conditionsOf<F extends object>(
  criteria: Record<Exclude<keyof F & string, 'since' | 'until'>, Criterion>,
  filter: F,
): Condition[] {
  const given = Object.entries(filter).filter(([, value]) => value !== undefined)
  const unknown = given.find(([name]) => !Object.hasOwn(criteria, name))
  if (unknown) {
    throw new WfstoreError('usage', `filter ${unknown[0]} does not exist here`, {
      hint: useInstead(unknown[0], Object.keys(criteria)),
    })
  }
  const values = Object.fromEntries(given)
  return Object.entries<Criterion>(criteria)
    .filter(([name]) => name in values)
    .map(([name, criterion]) => criterion(name, values[name]))
}

interface Limits {
  since?: TimeLimit | undefined
  until?: TimeLimit | undefined
}

export interface Bounds {
  since: TimeBound | undefined
  until: TimeBound | undefined
}

/** @throws WfstoreError usage for an invalid time, or if since is not before until */
export function timeBounds({ since, until }: Limits): Bounds {
  const bounds = { since: timeBound('since', since), until: timeBound('until', until) }
  assertSpan(bounds, '')
  return bounds
}

/** @throws WfstoreError usage for an invalid time */
export function timeBound(name: string, limit: TimeLimit | undefined): TimeBound | undefined {
  if (limit === undefined) return undefined
  const words = typeof limit === 'object' && limit !== null && 'text' in limit
  const at = timeOf(name, words ? limit.at : limit)
  if (at === null) throw new WfstoreError('usage', `${name} is ${limit}, not a time`)
  return words ? { text: String(limit.text), at, countsFrom: limit.countsFrom } : { text: at, at }
}

/** The conditions of the bounds on a column of times. */
export function within(column: string, { since, until }: Partial<Bounds>): Sql[] {
  const time = raw(column)
  return [
    ...(since ? [sql`${time} >= ${since.at}::timestamptz`] : []),
    ...(until ? [sql`${time} < ${until.at}::timestamptz`] : []),
  ]
}

/** @throws WfstoreError usage if since is not before until */
export function checkBounds({ since, until }: Limits): void {
  assertSpan({ since: timeBound('--since', since), until: timeBound('--until', until) }, '--')
}

function assertSpan({ since, until }: Bounds, dashes: string): void {
  if (since && until && since.at >= until.at) {
    throw new WfstoreError(
      'usage',
      `${dashes}since ${since.text} is not before ${dashes}until ${until.text}`,
      { hint: 'swap them, or choose a longer range' },
    )
  }
}
