import { readFileSync, writeFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import {
  inSchema,
  nameIn,
  readExpected,
  readSnapshot,
  type Snapshot,
} from '../../../src/db/verify/snapshot.ts'
import { citusUrl } from '../../support/citus.ts'
import { withClient } from '../../support/migrate.ts'
import { createMigrated } from '../../support/migrated.ts'

const path = new URL('../../../src/db/verify/expected-distributed.json', import.meta.url)

it.skipIf(!citusUrl)(
  'src/db/verify/expected-distributed.json has what migrate distribute changes (UPDATE_GOLDEN=1 accepts a change)',
  async () => {
    const single = await readExpected()
    const listed = JSON.parse(readFileSync(path, 'utf8'))
    const named = (rows: { name: string }[]) => rows.map(({ name }) => name)
    const names = {
      tables: named(single.tables),
      sequences: named(single.sequences),
      views: named(single.views),
      functions: [
        ...named(single.functions),
        'wfstore_number_history',
        'wfstore_lock_shards',
        'wfstore_at',
      ],
    }
    const database = await createMigrated('expected')
    const found = await withClient(database, (client) =>
      inSchema(client, 'public', () => readSnapshot(client, 'public', names)),
    )
    const others = await database.sql(
      `select proname from pg_proc where pronamespace = 'public'::regnamespace and proname like 'wfstore\\_%' and proname <> all ($1::text[])`,
      [names.functions],
    )
    expect(others).toEqual([])
    const changes = changesOf(single, found)
    if (process.env.UPDATE_GOLDEN === '1') writeFileSync(path, readable(changes))
    else expect(changes).toEqual(listed)
  },
)

const KINDS = ['columns', 'constraints', 'triggers', 'functions'] as const

function changesOf(single: Snapshot, found: Snapshot): Record<string, object[]> {
  const dropped: string[] = []
  const changes = Object.fromEntries(
    KINDS.map((kind) => {
      const [before, after]: { name: string }[][] = [single[kind], found[kind]]
      const old = new Map(before?.map((row) => [nameIn(row), JSON.stringify(row)]))
      const now = new Set(after?.map(nameIn))
      dropped.push(...[...old.keys()].filter((name) => !now.has(name)))
      const changed = after?.filter((row) => old.get(nameIn(row)) !== JSON.stringify(row)) ?? []
      return [kind, kind === 'functions' ? changed.map(lines) : changed]
    }),
  )
  expect(single.indexes).toEqual(found.indexes)
  expect(single.views).toEqual(found.views)
  return { dropped: dropped as unknown[] as object[], ...changes }
}

const lines = (row: object) => ({
  ...row,
  ...('definition' in row ? { definition: String(row.definition).split('\n') } : {}),
})

/** A line for each object, and for each line of a function. */
const readable = (changes: Record<string, object[]>) =>
  `{\n${Object.entries(changes)
    .map(([kind, rows]) => `  "${kind}": [\n${rows.map(of(kind)).join(',\n')}\n  ]`)
    .join(',\n')}\n}\n`

const of = (kind: string) => (row: object) =>
  kind === 'functions'
    ? JSON.stringify(row, null, 2).replaceAll(/^/gm, '    ')
    : `    ${JSON.stringify(row)}`
