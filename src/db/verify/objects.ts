import { describeColumn } from './columns.ts'
import {
  type Comparison,
  type Difference,
  holderOf,
  makeRoom,
  remakeView,
  script,
} from './difference.ts'
import { indexCreation, triggerCreation } from './parts.ts'
import type { Snapshot } from './snapshot.ts'

/** A table that others point to comes first: in this order they can be made, and be made logged. */
export function compareTables({ expected, live, relations }: Comparison): Difference[] {
  const pointsAt = (table: string) =>
    expected.constraints.filter(({ tableName, kind }) => tableName === table && kind === 'f').length
  const tables = [...expected.tables].sort((a, b) => pointsAt(a.name) - pointsAt(b.name))
  return tables.flatMap(({ name }): Difference[] => {
    const found = live.tables.find((table) => table.name === name)
    if (!found) {
      const holder = holderOf(name, relations)
      const state = holder ? 'differs' : 'missing'
      const mend = script(...creation(expected, name, relations))
      return [{ kind: 'table', name, state, expected: 'table', found: holder, mend }]
    }
    if (found.persistent) return []
    const mend = script(`alter table ${name} set logged`)
    const told = { expected: 'logged', found: 'unlogged' }
    return [{ kind: 'table', name, state: 'differs', ...told, mend }]
  })
}

/** A table with all that belongs to it; a table that was put in its place may have indexes of these names. */
function creation(expected: Snapshot, table: string, relations: Comparison['relations']): string[] {
  const of = <T extends { tableName: string }>(parts: T[]) =>
    parts.filter(({ tableName }) => tableName === table)
  const constraints = of(expected.constraints)
  const indexes = of(expected.indexes)
  const named = [table, ...[...constraints, ...indexes].map(({ name }) => name)]
  const lines = [
    ...of(expected.columns).map((column) => `${column.name} ${describeColumn(column)}`),
    ...constraints.map(({ name, definition }) => `constraint ${name} ${definition}`),
  ]
  return [
    ...named.flatMap((name) => makeRoom(name, relations)),
    `create table ${table} (\n  ${lines.join(',\n  ')}\n)`,
    ...indexes.map((index) => indexCreation(index)),
    ...of(expected.triggers).map(triggerCreation),
  ]
}

export function compareFunctions({ expected, live }: Comparison): Difference[] {
  return expected.functions.flatMap(({ name, definition, result }): Difference[] => {
    const found = live.functions.find((other) => other.name === name)
    const told = { kind: 'function', name, expected: definition } as const
    if (!found) return [{ ...told, state: 'missing', found: null, mend: script(definition) }]
    if (found.definition === definition) return []
    const mend =
      found.result === result ? script(definition) : script(`drop function ${name}()`, definition)
    return [{ ...told, state: 'differs', found: found.definition, mend }]
  })
}

export function compareViews(comparison: Comparison): Difference[] {
  const { expected, live, relations } = comparison
  return expected.views.flatMap((view): Difference[] => {
    const { name, columns, definition } = view
    const found = live.views.find((other) => other.name === name)
    if (found && found.definition === definition && found.columns === columns) return []
    const told = { kind: 'view', name, expected: definition } as const
    const query = `view ${name} as ${definition}`
    if (!found) {
      const holder = holderOf(name, relations)
      const state = holder ? 'differs' : 'missing'
      const mend = script(...makeRoom(name, relations), `create ${query}`)
      return [{ ...told, state, found: holder, mend }]
    }
    // Replacing keeps its privileges, and is refused where its columns change.
    const mend =
      found.columns === columns
        ? script(`create or replace ${query}`)
        : script(...remakeView(view, comparison))
    return [{ ...told, state: 'differs', found: found.definition, mend }]
  })
}
