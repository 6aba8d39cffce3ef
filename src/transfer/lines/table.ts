import type pg from 'pg'
import * as d from '../../db/query/decode.ts'
import { query } from '../../db/query/query.ts'
import { quote, sql } from '../../db/query/sql.ts'
import type { TableDescription, TableField } from '../../tables/column.ts'
import { KINDS, type RowKind, tableOf } from '../../tables/tables.ts'

/** A column that a line holds. */
export interface LineColumn {
  /** In the database. */
  name: string
  /** As SQL writes the name. */
  quoted: string
  /** Undefined in a column that an application has added. */
  field: TableField | undefined
  /** As format_type gives it: 'timestamp with time zone'. */
  type: string
  /** The collation, where it is not that of the type: 'collate "de-x-icu"'. */
  collation: string
  /** SQL of the value that a row gets without one. */
  default: string | null
}

/** A table as the database has it, with the columns that an application has added. */
export interface LineTable extends TableDescription {
  kind: RowKind
  /** All that a line holds: ours in their order, then the others in theirs. */
  lineColumns: readonly LineColumn[]
  /** The server computes these, so a line has no value for them. */
  generated: readonly string[]
}

export type LineTables = Record<RowKind, LineTable>

const columnsOf = (names: readonly string[]) => sql`
  select t.place, a.attname as name, format_type(a.atttypid, a.atttypmod) as type, a.attgenerated <> '' as generated,
    case when a.attcollation not in (0, y.typcollation) then 'collate ' || a.attcollation::regcollation else '' end as collation,
    case when a.attidentity <> '' then format('nextval(%L)', pg_get_serial_sequence(t.name, a.attname))
      else coalesce(pg_get_expr(x.adbin, x.adrelid), pg_get_expr(y.typdefaultbin, 0)) end as default
  from unnest(${names}::text[]) with ordinality as t (name, place)
  join pg_attribute a on a.attrelid = t.name::regclass
  join pg_type y on y.oid = a.atttypid
  left join pg_attrdef x on x.adrelid = a.attrelid and x.adnum = a.attnum
  where a.attnum > 0 and not a.attisdropped
  order by t.place, a.attnum`

const columnShape = {
  place: d.count(),
  name: d.text(),
  type: d.text(),
  generated: d.boolean(),
  collation: d.text(),
  default: d.nullable(d.text()),
}

/** Reads from the catalog which columns the tables have. It locks no table. */
export async function readTables(client: pg.ClientBase): Promise<LineTables> {
  const names = KINDS.map((kind) => tableOf(kind).name)
  const rows = await query(client, columnsOf(names), columnShape)
  const tables = KINDS.map((kind, index) => {
    const own = rows.filter(({ place }) => place === index + 1)
    return [kind, withColumns(kind, own)]
  })
  return Object.fromEntries(tables)
}

function withColumns(kind: RowKind, columns: d.RowOf<typeof columnShape>[]): LineTable {
  const description = tableOf(kind)
  const places = new Map(description.fields.map(({ column }, place) => [column, place]))
  const placeOf = ({ name }: { name: string }) => places.get(name) ?? places.size
  const lineColumns = columns
    .filter(({ generated }) => !generated)
    .map(({ name, type, collation, default: byDefault }) => ({
      name,
      quoted: quote(name),
      field: description.fields[placeOf({ name })],
      type,
      collation,
      default: byDefault,
    }))
    .sort((a, b) => placeOf(a) - placeOf(b))
  const generated = columns.filter((column) => column.generated).map(({ name }) => name)
  return { ...description, kind, lineColumns, generated }
}
