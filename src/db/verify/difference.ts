import type { Relation, View } from '../catalog.ts'
import type { Snapshot } from './snapshot.ts'

export type DifferenceKind =
  | 'table'
  | 'column'
  | 'constraint'
  | 'index'
  | 'trigger'
  | 'function'
  | 'view'

export interface Difference {
  kind: DifferenceKind
  /** 'workflow_steps.cost' for what belongs to a table, else its name. */
  name: string
  /** extra: not made by wfstore but by the application; it is told, and is no fault. */
  state: 'missing' | 'differs' | 'invalid' | 'disabled' | 'extra'
  expected: string | null
  found: string | null
  /** The statements that mend it, each with its semicolon, for psql with the schema in the search path. */
  mend: string
}

/** What is compared, restricted to the tables that are there. */
export interface Comparison {
  expected: Snapshot
  live: Snapshot
  /** Relations that have a name of ours, whatever they are. */
  relations: ReadonlyMap<string, Relation>
  /** By view, what it has beside its query: an owner, privileges, a comment. */
  leftovers: ReadonlyMap<string, string[]>
}

export interface Part {
  tableName: string
  name: string
}

export const fullName = ({ tableName, name }: Part): string => `${tableName}.${name}`

export const script = (...statements: string[]): string =>
  statements.map((statement) => `${statement};`).join('\n')

const KINDS: Record<string, string> = {
  r: 'table',
  p: 'partitioned table',
  v: 'view',
  m: 'materialized view',
  i: 'index',
  I: 'partitioned index',
  S: 'sequence',
  f: 'foreign table',
  c: 'type',
}

/** What has a name of ours, where that is nothing of ours. */
export const holderOf = (name: string, relations: Comparison['relations']): string | null =>
  KINDS[relations.get(name)?.kind ?? ''] ?? null

/** The statement that makes room for something of ours whose name another relation has. */
export function makeRoom(name: string, relations: Comparison['relations']): string[] {
  const holder = holderOf(name, relations)?.replace('partitioned ', '')
  return holder ? [`alter ${holder} ${name} rename to ${name}_own`] : []
}

/** The statements that make a view anew around others that cannot be run under it. */
export function remakeView(
  { name, definition }: View,
  { leftovers }: Pick<Comparison, 'leftovers'>,
  under: string[] = [],
): string[] {
  return [
    `drop view ${name}`,
    ...under,
    `create view ${name} as ${definition}`,
    ...(leftovers.get(name) ?? []),
  ]
}

export interface Pairs<T> {
  pairs: { wanted: T; found: T | undefined }[]
  extras: T[]
}

/** Each wanted part with the one of its name, else with one that is the same under a name of its own. */
export function pairUp<T extends Part>(
  wanted: readonly T[],
  live: readonly T[],
  isSame: (wanted: T, found: T) => boolean,
): Pairs<T> {
  const left = new Map(live.map((part) => [fullName(part), part]))
  const take = (part: T | undefined) => {
    if (part) left.delete(fullName(part))
    return part
  }
  const named = wanted.map((part) => take(left.get(fullName(part))))
  const pairs = wanted.map((part, index) => ({
    wanted: part,
    found:
      named[index] ??
      take(
        [...left.values()].find(
          (other) => other.tableName === part.tableName && isSame(part, other),
        ),
      ),
  }))
  return { pairs, extras: [...left.values()] }
}
