import type pg from 'pg'
import { viewLeftovers } from '../adopt/privileges.ts'
import { readColumnsOfViews, readRelations } from '../catalog.ts'
import { layoutOf } from '../distributed/cluster.ts'
import { isPlaced, misplaced, placement } from '../distributed/misplaced.ts'
import { functionsWithArguments } from '../distributed/statements.ts'
import { compareColumns } from './columns.ts'
import type { Difference } from './difference.ts'
import { compareFunctions, compareSequences, compareTables, compareViews } from './objects.ts'
import { compareConstraints, compareIndexes, compareTriggers } from './parts.ts'
import {
  inSchema,
  readExpected,
  readSnapshot,
  type Snapshot,
  type SnapshotNames,
} from './snapshot.ts'

export { countRows, type TableCount } from './counts.ts'
export type { Difference } from './difference.ts'

/** Objects that the application added are not faults. */
export const isFault = ({ state }: Pick<Difference, 'state'>): boolean => state !== 'extra'

/**
 * The differences between the schema and its migrations, in an order in which the fixes can run one after the other.
 * Objects of the application come last. It changes nothing and needs no privilege. The connection must not be in a
 * transaction.
 */
export async function compareSchema(client: pg.Client, schema: string): Promise<Difference[]> {
  const layout = await layoutOf(client, schema)
  const expected = await readExpected(layout)
  return inSchema(client, schema, async () => {
    const names = namesOf(expected)
    const live = await readSnapshot(client, schema, names)
    const parts = [...expected.indexes, ...expected.constraints].map(({ name }) => name)
    const relations = await readRelations(client, schema, [
      ...names.tables,
      ...names.sequences,
      ...names.views,
      ...parts,
    ])
    const readers = await readColumnsOfViews(client, schema, names.views)
    const leftovers = new Map<string, string[]>()
    for (const view of names.views) leftovers.set(view, await viewLeftovers(client, schema, [view]))
    const whole = {
      layout,
      leftovers,
      creations: await functionsWithArguments(layout, schema),
      expected,
      live,
      relations: new Map(relations.map((relation) => [relation.name, relation])),
    }
    // A missing table is created with all its parts.
    const there = { ...whole, expected: withoutMissing(expected, live) }
    const differences = [
      ...compareSequences(whole),
      ...compareFunctions(whole, { withArguments: false }),
      ...compareTables(whole),
      ...compareColumns(there, readers),
      ...compareFunctions(whole, { withArguments: true }),
      ...compareConstraints(there),
      ...compareIndexes(there),
      ...compareTriggers(there),
      ...compareViews(whole),
      ...(layout === 'single' ? [] : await misplaced(client, schema)),
    ].map((found) => (layout === 'single' ? found : onCitus(found, live)))
    return [...differences.filter(isFault), ...differences.filter((found) => !isFault(found))]
  })
}

/** Citus refuses triggers of distributed tables unless the session allows them, and keeps generated columns. A new table is local. */
function onCitus(found: Difference, { tables }: Snapshot): Difference {
  const { kind, name, fix } = found
  if (kind === 'column' && fix?.includes(' drop expression')) return { ...found, fix: null }
  const isNew = kind === 'table' && fix !== null && /^create table /m.test(fix) && isPlaced(name)
  if (fix === null || !(isNew || kind === 'trigger')) return found
  const live = tables.map((table) => table.name)
  const lines = [fix, ...(isNew ? [placement(name, live)] : [])]
  return { ...found, fix: ['set citus.enable_unsafe_triggers to on;', ...lines].join('\n') }
}

function namesOf({ tables, sequences, functions, views }: Snapshot): SnapshotNames {
  const named = (all: { name: string }[]) => all.map(({ name }) => name)
  return {
    tables: named(tables),
    sequences: named(sequences),
    functions: named(functions),
    views: named(views),
  }
}

function withoutMissing(expected: Snapshot, live: Snapshot): Snapshot {
  const there = new Set(live.tables.map(({ name }) => name))
  const of = <T extends { tableName: string }>(parts: T[]) =>
    parts.filter(({ tableName }) => there.has(tableName))
  return {
    ...expected,
    columns: of(expected.columns),
    constraints: of(expected.constraints),
    indexes: of(expected.indexes),
    triggers: of(expected.triggers),
  }
}
