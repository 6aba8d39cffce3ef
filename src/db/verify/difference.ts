import { RELATION_KINDS, type Relation, renameAway, type View } from '../catalog.ts'
import type { Layout } from '../distributed/layout.ts'
import type { Snapshot } from './snapshot.ts'

export type ObjectKind =
  | 'migration'
  | 'table'
  | 'sequence'
  | 'column'
  | 'constraint'
  | 'index'
  | 'trigger'
  | 'function'
  | 'view'
  | 'privilege'

export interface Difference {
  kind: ObjectKind
  /** 'workflow_steps.cost' for a part of a table, 'wfstore_periods to anon' for privileges, otherwise the name. */
  name: string
  /** extra: an object of the application; it is listed but is not a fault. */
  state: 'missing' | 'differs' | 'invalid' | 'disabled' | 'extra'
  expected: string | null
  found: string | null
  /**
   * The statements that fix it, each with a semicolon, for psql with the schema in the search path. They never drop an object
   * of the application, or lose a value. Null for an extra object: there is nothing to fix.
   */
  fix: string | null
}

/** The two sides of the comparison. */
export interface Comparison {
  expected: Snapshot
  live: Snapshot
  layout: Layout
  /** All relations with one of our names, of any kind. */
  relations: ReadonlyMap<string, Relation>
  /** For each view, the statements that restore its owner, privileges and comment. */
  leftovers: ReadonlyMap<string, string[]>
  /** The statements that create a function with arguments, or replace it. */
  creations: ReadonlyMap<string, string[]>
}

export interface Part {
  tableName: string
  name: string
}

export const fullName = ({ tableName, name }: Part): string => `${tableName}.${name}`

export const script = (...statements: string[]): string =>
  statements.map((statement) => `${statement};`).join('\n')

/** The kind of relation that has this name; null if the name is free. */
export const holderOf = (name: string, relations: Comparison['relations']): string | null =>
  RELATION_KINDS[relations.get(name)?.kind ?? ''] ?? null

/** The statement that renames a relation which has the name of one of our objects. */
export function renameHolder(name: string, relations: Comparison['relations']): string[] {
  const holder = holderOf(name, relations)
  return holder ? [renameAway(holder, name)] : []
}

/** True if the view has the names of our columns. One with other columns is not ours. */
export const isOurView = (view: View, found: View): boolean => {
  const names = ({ columns }: View) => columns.split(', ').map((column) => column.split(' ')[0])
  return names(view).join() === names(found).join()
}

/** The view with the rights of its readers, or those of its owner if an operator or adoption chose so: 'view x with (…) as …' */
export const viewText = ({ name, definition }: View, found?: View): string =>
  `view ${name} with (security_invoker = ${found?.securityInvoker ?? true}) as ${definition}`

/** The statements that recreate a view, with statements in between that the view blocks. */
export function recreateView(
  view: View,
  { leftovers }: Pick<Comparison, 'leftovers'>,
  under: string[] = [],
): string[] {
  return [
    `drop view ${view.name}`,
    ...under,
    `create ${viewText(view)}`,
    ...(leftovers.get(view.name) ?? []),
  ]
}

export interface Pairs<T> {
  pairs: { wanted: T; found: T | undefined }[]
  extras: T[]
}

/** Pairs each wanted part with the existing part of the same name, or else with an equal part of another name. */
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
