import type pg from 'pg'
import { layoutOf } from '../distributed/cluster.ts'
import { fixText, onEachShard, sumOf } from '../distributed/each-shard.ts'
import { creationsOf, readMigration } from '../migrate/files.ts'
import { type ForeignGrant, foreignGrants } from '../migrate/grants.ts'
import { HISTORY_TABLE, type MigrationStatus, readStatus } from '../migrate/history.ts'
import { databaseError } from '../query/errors.ts'
import { checkSchema } from '../schema.ts'
import { compareSchema, countRows, type Difference, isFault, type TableCount } from './compare.ts'
import { script } from './difference.ts'
import { addMissingLines, compareLines, type UnequalLines } from './lines.ts'
import { inSchema } from './snapshot.ts'
import { compareTotals, recount, type UnequalTotals } from './totals.ts'

export interface Verification {
  /** True if nothing is missing or different. Objects that the application added do not count. */
  ok: boolean
  differences: Difference[]
  /** The runs whose totals are not the sums of their steps. */
  totals: RunDifference[]
  /** The number of runs that were compared; null if this role may not read them or their tables differ. */
  comparedRuns: number | null
  /** The number of these that differ. */
  unequalRuns: number | null
  /** The bills whose lines do not add up to them. */
  lines: LinesDifference[]
  /** The number of bills that were compared; null as for runs, and while migrations are pending. */
  comparedBills: number | null
  /** The number of these that differ. */
  unequalBills: number | null
  tables: TableCount[]
}

export interface RunDifference extends UnequalTotals {
  /** The statement that fixes it, with a semicolon, for psql with the schema in the search path. */
  fix: string
}

export interface LinesDifference extends UnequalLines {
  /** The statement that adds the missing part; null if the month is closed. */
  fix: string | null
}

export interface VerifyOptions {
  /** Compare all runs with their steps and all bills with their lines (default: a sample of all ages). */
  full?: boolean | undefined
}

/**
 * Compares a schema and its history with the migrations of this version of wfstore, totals with steps, and bills with their lines. Changes nothing.
 * @throws WfstoreError schema_missing if there is nothing to compare
 */
export async function verifySchema(
  client: pg.Client,
  schema: string,
  { full = false }: VerifyOptions = {},
): Promise<Verification> {
  const statuses = await readStatus(client, schema)
  const found = await compareSchema(client, schema)
  const nothing = statuses.every(({ state }) => state === 'pending')
  // Without a history the schema either has no tables of ours, or the history was lost.
  if (nothing && found.some(({ kind, state }) => kind === 'table' && state === 'missing')) {
    await checkSchema(client)
  }
  const pending = statuses.filter(({ state }) => state === 'pending').map(({ name }) => name)
  const files = await Promise.all((nothing ? [] : pending).map((name) => readMigration(name)))
  const promised = new Set(
    files.flatMap(({ up }) => [...creationsOf(up).map(nameOf), ...additionsOf(up)]),
  )
  const dropped = new Set(files.flatMap(({ up }) => removalsOf(up)))
  const differences: Difference[] = [
    ...statuses.flatMap((status) => historyDifference(status, nothing)),
    ...(await foreignGrants(client, schema)).map(grantDifference),
    ...found.filter(({ name, state }) =>
      state === 'missing' ? !promised.has(lastPart(name)) : !dropped.has(name),
    ),
  ]
  const layout = await layoutOf(client, schema)
  const totals = await ifComparable(client, schema, () =>
    onEachShard(client, { layout }, (database) => compareTotals(database, { full })),
  )
  // Bills from before the lines get theirs in a migration.
  const lines = await (pending.length > 0 && !nothing
    ? undefined
    : ifComparable(client, schema, () =>
        onEachShard(client, { layout }, (database) => compareLines(database, { full })),
      ))
  const unequalRuns = totals ? sumOf(totals, 'unequal') : null
  const unequalBills = lines ? sumOf(lines, 'unequal') : null
  const runs = totals?.flatMap((report) => report.runs) ?? []
  const bills = lines?.flatMap((report) => report.bills) ?? []
  return {
    ok: !differences.some(isFault) && !unequalRuns && !unequalBills,
    differences,
    totals: runs.map((run) => ({ ...run, fix: `${recount([run.executionId])};` })),
    comparedRuns: totals ? sumOf(totals, 'compared') : null,
    unequalRuns,
    lines: await inSchema(client, schema, async () => {
      const fixed: LinesDifference[] = []
      for (const bill of bills) {
        const statement = addMissingLines([bill])
        const fix = statement && `${await fixText(client, { layout }, [statement])};`
        fixed.push({ ...bill, fix })
      }
      return fixed
    }),
    comparedBills: lines ? sumOf(lines, 'compared') : null,
    unequalBills,
    tables: await countRows(client, schema),
  }
}

/** A missing table or column is one of the differences. */
const NOT_COMPARABLE = ['permission_denied', 'schema_missing', 'schema_behind', 'schema_differs']

async function ifComparable<T>(
  client: pg.Client,
  schema: string,
  compare: () => Promise<T>,
): Promise<T | undefined> {
  try {
    return await inSchema(client, schema, compare)
  } catch (error) {
    const known = databaseError(error, { connection: client })
    if (NOT_COMPARABLE.includes(known.code)) return undefined
    throw known
  }
}

const nameOf = ({ name }: { name: string }) => name

/** The columns and constraints that a migration adds to existing tables. */
const additionsOf = (up: string) =>
  [...up.matchAll(/\badd (?:column|constraint) (?:if not exists )?(\w+)/g)].map(
    ([, name]) => name as string,
  )

/** The columns and constraints that a migration drops or replaces, with their tables. */
const removalsOf = (up: string) =>
  [...up.matchAll(/^alter table (\w+)([^;]*)/gm)].flatMap(([, table, actions = '']) =>
    [...actions.matchAll(/\bdrop (?:column|constraint) (?:if exists )?(\w+)/g)].map(
      ([, name]) => `${table}.${name}`,
    ),
  )

const lastPart = (name: string) => name.split('.').at(-1) as string

const grantDifference = ({ name, grantee, privileges, statements }: ForeignGrant): Difference => ({
  kind: 'privilege',
  name: `${name} to ${grantee}`,
  state: 'differs',
  expected: null,
  found: privileges,
  fix: script(...statements),
})

function historyDifference({ name, state }: MigrationStatus, lost: boolean): Difference[] {
  const finding = { kind: 'migration' as const, name, expected: 'applied' }
  switch (state) {
    case 'applied':
      return []
    case 'pending':
      return lost
        ? [
            {
              ...finding,
              state: 'missing',
              found: 'not recorded',
              fix: `insert into ${HISTORY_TABLE} (name) values ('${name}');`,
            },
          ]
        : [{ ...finding, state: 'missing', found: 'pending', fix: 'wfstore migrate up' }]
    case 'changed':
      return [
        {
          ...finding,
          state: 'differs',
          found: 'changed after it was applied',
          fix: `update ${HISTORY_TABLE} set checksum = null where name = '${name}';`,
        },
      ]
    case 'unknown':
      return [
        {
          ...finding,
          state: 'differs',
          expected: null,
          found: 'applied by a newer version of wfstore',
          fix: 'npm install wfstore@latest',
        },
      ]
  }
}
