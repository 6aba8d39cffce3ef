import { type Field, FORMS, JSON_NULLS, type Kind } from './form.ts'

/**
 * SQL of the line of a row: its JSON, compact, with every field in the order of the columns, without a line break.
 * Under LINE_SETTINGS the same row always gives the same text.
 * @param alias of the row's table
 */
export function lineOf(kind: Kind, alias: string): string {
  const { fields } = FORMS[kind]
  const columns = fields.map((field) => `${columnValue(field, alias)} as "${field.name}"`)
  const json = fields.filter(({ type }) => type === 'json')
  const values = json.map(({ column }) => `${alias}.${column}`)
  const named = json.map(
    ({ name, column }) => `case when ${alias}.${column} = 'null' then '${name}' end`,
  )
  const nulls =
    json.length === 0
      ? `''`
      : `case when 'null'::jsonb in (${values.join(', ')})
          then ',"${JSON_NULLS}":' || to_json(array_remove(array[${named.join(', ')}], null)) else '' end`
  return `(select concat('{"${kind}":', row_to_json(r), ${nulls}, '}') from (select ${columns.join(', ')}) as r)`
}

function columnValue({ type, column }: Field, alias: string): string {
  const value = `${alias}.${column}`
  return type === 'time' ? timeText(value) : value
}

/**
 * RFC 3339 in UTC with six digits: what PostgreSQL prints is laid over the rest, at a third of the cost of to_char.
 * What that has no form for: years of five digits, years before 1 with BC behind them, infinity and -infinity.
 */
const timeText = (value: string): string => `case
  when ${value} >= '0001-01-01 00:00:00Z' and ${value} < '10000-01-01 00:00:00Z'
    then overlay(overlay('0000-00-00T00:00:00.000000Z' placing ${value}::timestamp::text from 1) placing 'T' from 11)
  when not isfinite(${value}) then ${value}::text
  else to_char(${value}, 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') || case when ${value} < '0001-01-01 00:00:00Z' then ' BC' else '' end
  end`

/** Times are written as the session has them; the text of a line does not otherwise depend on it. */
export const LINE_SETTINGS = `set local time zone 'UTC'; set local datestyle = 'ISO'`

/**
 * A query for COPY of whole lines. A raw control character never stands in JSON, so that CSV with two of them for its
 * own use writes and reads each line as it is.
 */
export const AS_LINES = `(format csv, delimiter e'\\x02', quote e'\\x01')`
