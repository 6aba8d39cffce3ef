import * as d from '../../db/query/decode.ts'

/** Values for a page, of which only the beginning is read: a step may have megabytes. */

/** The number of characters of a text. One more is read, which shows that it is cut. */
export const LONGEST_TEXT = 2000

export const longText = (column: string, most = LONGEST_TEXT): d.Field<string> =>
  d.text(`left(${column}, ${most + 1})`)

/** A larger value is not unpacked. Bytes as they are stored, mostly compressed. */
const LARGEST = 131_072

/** The beginning of a JSON column as text on several lines; '' if it is too large, null if there is none. */
export const shortJson = (column: string): d.Field<string | null> =>
  d.nullable(
    d.jsonText(
      `case when pg_column_size(${column}) > ${LARGEST} then '' else left(jsonb_pretty(${column}), ${LONGEST_TEXT + 1}) end`,
    ),
  )
