import type pg from 'pg'
import { creationsOf, readMigration } from '../migrate/files.ts'
import { HISTORY_TABLE, type MigrationStatus, readStatus } from '../migrate/history.ts'
import { checkSchema } from '../schema.ts'
import { compareSchema, countRows, type Difference, isFault, type TableCount } from './compare.ts'

/** A difference of the schema, or of the record of its migrations. */
export type Finding = Omit<Difference, 'kind'> & { kind: Difference['kind'] | 'migration' }

export interface Verification {
  /** Is nothing missing or different? What the application added is no fault. */
  ok: boolean
  differences: Finding[]
  tables: TableCount[]
}

/**
 * Compares a schema and its history with what the migrations of this wfstore make. Changes nothing.
 * @throws WfstoreError schema_missing where there is nothing to compare
 */
export async function verifySchema(client: pg.Client, schema: string): Promise<Verification> {
  const statuses = await readStatus(client, schema)
  const found = await compareSchema(client, schema)
  const nothing = statuses.every(({ state }) => state === 'pending')
  // Without a history there is either nothing of ours, or tables that only lost it.
  if (nothing && found.some(({ kind, state }) => kind === 'table' && state === 'missing')) {
    await checkSchema(client)
  }
  const pending = statuses.filter(({ state }) => state === 'pending').map(({ name }) => name)
  const files = await Promise.all((nothing ? [] : pending).map((name) => readMigration(name)))
  const promised = new Set(
    files.flatMap(({ up }) => [...creationsOf(up).map(nameOf), ...columnsOf(up)]),
  )
  const differences: Finding[] = [
    ...statuses.flatMap((status) => historyFinding(status, nothing)),
    ...found.filter(({ name, state }) => state !== 'missing' || !promised.has(lastPart(name))),
  ]
  return {
    ok: !differences.some((difference) => isFault(difference as Difference)),
    differences,
    tables: await countRows(client, schema),
  }
}

const nameOf = ({ name }: { name: string }) => name

/** Columns that a migration adds to a table of an earlier one. */
const columnsOf = (up: string) =>
  [...up.matchAll(/\badd column (?:if not exists )?(\w+)/g)].map(([, name]) => name as string)

const lastPart = (name: string) => name.split('.').at(-1) as string

function historyFinding({ name, state }: MigrationStatus, lost: boolean): Finding[] {
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
              found: 'no record of it',
              mend: `insert into ${HISTORY_TABLE} (name) values ('${name}');`,
            },
          ]
        : [{ ...finding, state: 'missing', found: 'pending', mend: 'wfstore migrate up' }]
    case 'changed':
      return [
        {
          ...finding,
          state: 'differs',
          found: 'changed after it was applied',
          mend: `update ${HISTORY_TABLE} set checksum = null where name = '${name}';`,
        },
      ]
    case 'unknown':
      return [
        {
          ...finding,
          state: 'differs',
          expected: null,
          found: 'applied by a newer wfstore',
          mend: 'npm install wfstore@latest',
        },
      ]
  }
}
