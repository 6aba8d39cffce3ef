import type pg from 'pg'
import * as d from '../../db/query/decode.ts'
import { query } from '../../db/query/query.ts'
import { WfstoreError } from '../../error.ts'
import { JSON_NULLS } from '../../transfer/export/form.ts'
import { keyOf, type TableColumn, tableOf } from '../archive/columns.ts'
import { isPlain, quoted } from '../archive/write/lines.ts'
import { type ArchiveColumn, CLEANED, type Cleaned } from '../types.ts'
import { foldRestored } from './history.ts'
import { STAGE } from './stage.ts'

/** @throws WfstoreError schema_differs where a table lacks a column of the archive */
export function assertColumns(
  place: string,
  archived: Record<Cleaned, ArchiveColumn[]>,
  tables: Record<Cleaned, TableColumn[]>,
): void {
  for (const kind of CLEANED) {
    const lost = archived[kind].filter(({ name }) => !tables[kind].some((c) => c.name === name))
    if (lost.length === 0) continue
    const named = lost.map((column) => `${quoted(column)} (${column.type})`).join(', ')
    const what = lost.length === 1 ? 'the column' : 'the columns'
    throw new WfstoreError(
      'schema_differs',
      `${tableOf(kind)} lacks ${what} ${named} of ${place}`,
      {
        hint: 'nothing was restored; add what is lacking, and run it again',
      },
    )
  }
}

/**
 * Takes the staged lines of one kind to their table. A row that is there already stays as it is.
 * @returns how many were not there
 */
export async function restoreRows(
  client: pg.ClientBase,
  kind: Cleaned,
  archived: readonly ArchiveColumn[],
  table: readonly TableColumn[],
): Promise<number> {
  const text = `with back as (${insertOf(kind, archived, table)} returning *)${foldRestored(kind, 'back')}
    select count(*) as restored from back`
  const [row] = await query(client, text, [], { restored: d.count() })
  return row?.restored ?? 0
}

function insertOf(
  kind: Cleaned,
  archived: readonly ArchiveColumn[],
  table: readonly TableColumn[],
): string {
  const columns = archived.flatMap((column) => {
    const live = table.find(({ name }) => name === column.name)
    // The server works out what is generated.
    return live && !live.generated ? [{ column, live }] : []
  })
  const names = columns.map(({ column }) => quoted(column))
  const values = columns.map(({ column, live }) => valueSql(column, live))
  const record = columns.map(({ column, live }) => `${quoted(column)} ${typeRead(column, live)}`)
  return `insert into ${tableOf(kind)} (${names.join(', ')}) overriding system value
    select ${values.join(', ')}
    from ${STAGE} s cross join lateral jsonb_to_record(s.body -> '${kind}') as x(${record.join(', ')})
    where s.kind = '${kind}'
    on conflict (${keyOf(kind).join(', ')}) do nothing`
}

const isSame = (column: ArchiveColumn, live: ArchiveColumn) => column.type === live.type

/** What a line has as a text is read by the type itself, which may be another by now. */
function typeRead(column: ArchiveColumn, live: ArchiveColumn): string {
  if (column.type === 'jsonb') return 'jsonb'
  return isPlain(column) && isSame(column, live) ? live.type : 'text'
}

function valueSql(column: ArchiveColumn, live: ArchiveColumn): string {
  const value = `x.${quoted(column)}`
  if (column.type === 'jsonb') {
    const name = column.name.replaceAll("'", "''")
    const json = `case when s.body -> '${JSON_NULLS}' ? '${name}' then jsonb 'null' else ${value} end`
    return isSame(column, live) ? json : `(${json})::text::${live.type}`
  }
  return isPlain(column) && isSame(column, live) ? value : `${value}::${live.type}`
}
