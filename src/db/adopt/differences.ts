import type { CatalogColumn, Constraint } from '../catalog.ts'
import { FREED_TABLES, OLD_PRIMARY_KEYS, TABLES } from './legacy.ts'
import { type Survey, tableOf } from './survey.ts'

/** A column whose type changes. */
export interface Retyped {
  table: string
  from: CatalogColumn
  to: CatalogColumn
}

export function retypedColumns(survey: Survey): Retyped[] {
  return survey.tables.flatMap((table) => {
    const { columns, expectedColumns } = tableOf(survey, table)
    return expectedColumns.flatMap((to) => {
      const from = columns.find(({ name }) => name === to.name)
      return from && (from.type !== to.type || from.collation !== to.collation)
        ? [{ table, from, to }]
        : []
    })
  })
}

/** What adoption does with the constraints of one table. */
export interface ConstraintPlan {
  rename: { from: Constraint; to: Constraint }[]
  drop: Constraint[]
  add: Constraint[]
  /** Missing keys that adoption does not create. */
  missing: Constraint[]
  /** Constraints of the application. */
  kept: Constraint[]
  /** Those of them that have the name of one of ours, each with its new name. */
  displaced: Map<Constraint, string>
  /** Checks of the application that refuse a status which wfstore writes. They are dropped too. */
  refusing: Constraint[]
}

export function planConstraints(survey: Survey, table: string): ConstraintPlan {
  const { constraints, expectedConstraints } = tableOf(survey, table)
  const refusing = constraints.filter((check) => survey.statusChecks.get(check) === 'narrow')
  const plan: ConstraintPlan = {
    ...{ rename: [], drop: [...refusing], add: [], missing: [], kept: [] },
    ...{ displaced: new Map(), refusing },
  }
  const matched = new Set<Constraint>()
  for (const wanted of expectedConstraints) {
    const same = constraints.filter(({ definition }) => definition === wanted.definition)
    const found = same.find(({ name }) => name === wanted.name) ?? same[0]
    if (found) {
      matched.add(found)
      if (found.name !== wanted.name) plan.rename.push({ from: found, to: wanted })
    } else if (wanted.kind === 'c') {
      plan.add.push(wanted)
      const stale = constraints.find(({ kind, name }) => kind === 'c' && name === wanted.name)
      if (stale && survey.statusChecks.get(stale) === 'same') plan.drop.push(stale)
      else if (stale && !refusing.includes(stale))
        plan.displaced.set(stale, freeName(stale.name, constraints))
    } else {
      const old = constraints.find((constraint) => isOldPrimaryKey(constraint))
      if (wanted.kind === 'p' && old) {
        plan.add.push(wanted)
        plan.drop.push(old)
      } else {
        plan.missing.push(wanted)
      }
    }
  }
  const freed = constraints.filter(
    ({ kind, referenced }) =>
      kind === 'f' && FREED_TABLES.includes(table) && referenced !== null && isOurs(referenced),
  )
  plan.drop.push(...freed)
  plan.kept = constraints.filter(
    (constraint) => !matched.has(constraint) && !plan.drop.includes(constraint),
  )
  return plan
}

function freeName(name: string, constraints: readonly Constraint[]): string {
  let free = `${name}_own`
  for (let place = 2; constraints.some((other) => other.name === free); place++)
    free = `${name}_own${place}`
  return free
}

function isOldPrimaryKey({ kind, tableName, definition }: Constraint): boolean {
  const columns = OLD_PRIMARY_KEYS[tableName]
  return (
    kind === 'p' && columns !== undefined && definition === `PRIMARY KEY (${columns.join(', ')})`
  )
}

const isOurs = (table: string) => (TABLES as readonly string[]).includes(table)
