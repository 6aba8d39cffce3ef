import type pg from 'pg'
import * as d from '../../db/query/decode.ts'
import { query } from '../../db/query/query.ts'
import { FORMS } from '../../transfer/export/form.ts'
import { type ArchiveColumn, CLEANED, type Cleaned } from '../types.ts'

export const tableOf = (kind: Cleaned): string => FORMS[kind].table

/** Columns of the primary key. */
export const keyOf = (kind: Cleaned): string[] => {
  const { fields, key } = FORMS[kind]
  return fields.filter(({ name }) => key.includes(name)).map(({ column }) => column)
}

export interface TableColumn extends ArchiveColumn {
  /** The server works out its value, and takes none. */
  generated: boolean
}

const columnShape = { place: d.count(), name: d.text(), type: d.text(), generated: d.boolean() }

/** The columns that the tables have, in their order, with those that an application has added. */
export async function readTableColumns(
  client: pg.ClientBase,
): Promise<Record<Cleaned, TableColumn[]>> {
  const rows = await query(
    client,
    `select t.place, a.attname as name, format_type(a.atttypid, a.atttypmod) as type, a.attgenerated <> '' as generated
     from unnest($1::text[]) with ordinality as t (name, place)
     join pg_attribute a on a.attrelid = t.name::regclass
     where a.attnum > 0 and not a.attisdropped order by t.place, a.attnum`,
    [CLEANED.map(tableOf)],
    columnShape,
  )
  const of = (kind: Cleaned) =>
    rows
      .filter(({ place }) => place === CLEANED.indexOf(kind) + 1)
      .map(({ name, type, generated }) => ({ name, type, generated }))
  return {
    execution: of('execution'),
    step: of('step'),
    audit: of('audit'),
    metric: of('metric'),
  }
}

/** What a line of each kind holds: the whole row. */
export async function readArchiveColumns(
  client: pg.ClientBase,
): Promise<Record<Cleaned, ArchiveColumn[]>> {
  const columns = await readTableColumns(client)
  const of = (kind: Cleaned) => columns[kind].map(({ name, type }) => ({ name, type }))
  return {
    execution: of('execution'),
    step: of('step'),
    audit: of('audit'),
    metric: of('metric'),
  }
}
