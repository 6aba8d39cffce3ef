import { renameAway } from '../catalog.ts'
import { describeColumn } from './columns.ts'
import {
  type Comparison,
  type Difference,
  holderOf,
  isOurView,
  recreateView,
  renameHolder,
  script,
  viewText,
} from './difference.ts'
import { indexCreation, triggerCreation } from './parts.ts'
import type { Snapshot } from './snapshot.ts'

/** Referenced tables come first: in this order they can be created and set to logged. */
export function compareTables({ expected, live, relations }: Comparison): Difference[] {
  const pointsAt = (table: string) =>
    expected.constraints.filter(({ tableName, kind }) => tableName === table && kind === 'f').length
  const tables = [...expected.tables].sort((a, b) => pointsAt(a.name) - pointsAt(b.name))
  return tables.flatMap(({ name }): Difference[] => {
    const found = live.tables.find((table) => table.name === name)
    if (!found) {
      const holder = holderOf(name, relations)
      const state = holder ? 'differs' : 'missing'
      const fix = script(...creation(expected, name, relations))
      return [{ kind: 'table', name, state, expected: 'table', found: holder, fix }]
    }
    if (found.persistent) return []
    const fix = script(`alter table ${name} set logged`)
    const common = { expected: 'logged', found: 'unlogged' }
    return [{ kind: 'table', name, state: 'differs', ...common, fix }]
  })
}

/** Creates a table with its parts. Another table in its place may have indexes with the same names. */
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
    ...named.flatMap((name) => renameHolder(name, relations)),
    `create table ${table} (\n  ${lines.join(',\n  ')}\n)`,
    ...indexes.map((index) => indexCreation(index)),
    ...of(expected.triggers).map(triggerCreation),
  ]
}

export function compareSequences({ expected, live, relations }: Comparison): Difference[] {
  return expected.sequences.flatMap(({ name }): Difference[] => {
    if (live.sequences.some((sequence) => sequence.name === name)) return []
    const found = holderOf(name, relations)
    const fix = script(...renameHolder(name, relations), `create sequence ${name}`)
    return [
      {
        kind: 'sequence',
        name,
        state: found ? 'differs' : 'missing',
        expected: 'sequence',
        found,
        fix,
      },
    ]
  })
}

/** Triggers need those without arguments, which need no table. */
export function compareFunctions(
  { expected, live, creations }: Comparison,
  { withArguments }: { withArguments: boolean },
): Difference[] {
  const wanted = expected.functions.filter((row) => (row.arguments !== '') === withArguments)
  return wanted.flatMap(({ name, definition, result, arguments: types }): Difference[] => {
    const found = live.functions.find((other) => other.name === name && other.arguments === types)
    const called = `${name}(${types})`
    const create = creations.get(name) ?? [definition]
    const common = { kind: 'function', name, expected: definition } as const
    // PUBLIC may execute a new function, and calls those with arguments.
    const revoke =
      !withArguments && /^ SECURITY DEFINER$/m.test(definition)
        ? [`revoke all on function ${called} from public`]
        : []
    if (!found)
      return [{ ...common, state: 'missing', found: null, fix: script(...create, ...revoke) }]
    if (found.definition === definition) return []
    const fix =
      found.result === result
        ? script(...create)
        : script(renameAway('function', called), ...create, ...revoke)
    return [{ ...common, state: 'differs', found: found.definition, fix }]
  })
}

export function compareViews(comparison: Comparison): Difference[] {
  const { expected, live, relations } = comparison
  return expected.views.flatMap((view): Difference[] => {
    const { name, columns, definition } = view
    const found = live.views.find((other) => other.name === name)
    const same = found?.definition === definition && found.columns === columns
    if (same && found.securityInvoker !== null) return []
    const common = { kind: 'view', name, expected: definition } as const
    const query = viewText(view, found)
    // CREATE OR REPLACE VIEW without the option removes it.
    if (same)
      return [
        {
          ...common,
          state: 'differs',
          expected: 'with (security_invoker = true)',
          found: 'without security_invoker',
          fix: script(`alter view ${name} set (security_invoker = true)`),
        },
      ]
    if (!found) {
      const holder = holderOf(name, relations)
      const state = holder ? 'differs' : 'missing'
      const fix = script(...renameHolder(name, relations), `create ${query}`)
      return [{ ...common, state, found: holder, fix }]
    }
    // CREATE OR REPLACE keeps the privileges but cannot change the columns.
    const statements =
      found.columns === columns
        ? [`create or replace ${query}`]
        : isOurView(view, found)
          ? recreateView(view, comparison)
          : [renameAway('view', name), `create ${query}`]
    const fix = script(...statements)
    return [{ ...common, state: 'differs', found: found.definition, fix }]
  })
}
