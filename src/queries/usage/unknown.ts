import * as d from '../../db/query/decode.ts'
import { join, raw, type Sql, sql } from '../../db/query/sql.ts'
import { where } from '../table/filter.ts'
import { isTagKey, type TagKey, tagOfKey } from '../table/tag.ts'
import { hasTag } from '../table/tag-filter.ts'

/**
 * Removed runs of which the history does not have the value of a dimension. In a report by the dimension their value is null;
 * with a filter by it they are not included.
 */
export interface HistoryUnknown {
  dimension: TagKey | 'session'
  runs: number
}

export const unknownRows = d.rows({
  dimension: d.word<HistoryUnknown['dimension']>(),
  runs: d.count(),
})

/** Those of which there are any. */
export const historyUnknown = (rows: readonly HistoryUnknown[]): HistoryUnknown[] =>
  rows.filter(({ runs }) => runs > 0)

/** The conditions of a report on usage_history, with the alias e. */
export interface HistoryConditions {
  /** All of them. */
  all: readonly Sql[]
  /** Those without the filter of tags. */
  others: readonly Sql[]
  tagged: readonly [tag: string, values: string[]][]
}

/** SQL of an array that `unknownRows` decodes: for each tag of the filter, and for each of these dimensions. */
export function unknownIn(
  { all, others, tagged }: HistoryConditions,
  by: readonly string[] = [],
): Sql {
  const counted = (dimension: string, conditions: readonly Sql[]) =>
    sql`json_build_array(${dimension}::text, (select coalesce(sum(e.runs), 0) from usage_history e ${where(conditions)})::text)`
  const filtered = tagged.map(([tag]) =>
    counted(`tag:${tag}`, [
      ...others,
      lacks(tag),
      // A run with an unknown tag may match if its other tags do.
      ...tagged
        .filter(([other]) => other !== tag)
        .map(([other, values]) => sql`(${hasTag('e.tags', other, values)} or ${lacks(other)})`),
    ]),
  )
  const grouped = by.flatMap((dimension) => {
    if (dimension === 'session') return [counted(dimension, all)]
    const tag = isTagKey(dimension) ? tagOfKey(dimension) : undefined
    if (tag === undefined || tagged.some(([name]) => name === tag)) return []
    return [counted(dimension, [...all, lacks(tag)])]
  })
  const parts = [...filtered, ...grouped]
  return parts.length === 0 ? raw(`'[]'`) : join(parts, ', ', 'json_build_array(', ')')
}

/** SQL: this row of the history has no value of the tag, which was no cost tag at the time of its cleanup. */
const lacks = (tag: string): Sql => sql`not e.tags ? ${tag}`
