import { WfstoreError } from '../../error.ts'
import type { LineTables } from '../../transfer/lines/table.ts'
import { type ArchiveColumn, CLEANED, type Cleaned } from '../types.ts'

/** What a line of each kind holds, as an archive says it. */
export function archiveColumns(tables: LineTables): Record<Cleaned, ArchiveColumn[]> {
  const columns = CLEANED.map((kind) => [
    kind,
    tables[kind].lineColumns.map(({ name, type }) => ({ name, type })),
  ])
  return Object.fromEntries(columns)
}

/** @throws WfstoreError schema_differs where a table has no place for a column of the archive */
export function assertColumns(
  place: string,
  archived: Record<Cleaned, ArchiveColumn[]>,
  tables: LineTables,
): void {
  for (const kind of CLEANED) {
    const { name: table, lineColumns } = tables[kind]
    const known = new Set(lineColumns.map(({ name }) => name))
    const lost = archived[kind].filter(({ name }) => !known.has(name))
    if (lost.length === 0) continue
    const named = lost.map(({ name, type }) => `${JSON.stringify(name)} (${type})`).join(', ')
    const what = lost.length === 1 ? 'the column' : 'the columns'
    throw new WfstoreError(
      'schema_differs',
      `${table} has no place for ${what} ${named} of ${place}`,
      {
        hint: 'nothing was restored; add what is missing to the table, and run it again',
      },
    )
  }
}
