import * as d from '../query/decode.ts'

/** The most rows that a report lists. */
const LISTED = 100

/** Of a comparison with sums. */
export const countsShape = {
  /** The number of rows that were compared. */
  compared: d.count(),
  /** The number of these that differ from their sums. */
  unequal: d.count(),
}

/** SQL of these counts, from the relations `compared` and `unequal`. */
export const COUNTS =
  '(select count(*) from compared) as compared, (select count(*) from unequal) as unequal'

/** SQL of the newest rows of the relation `unequal`, at most LISTED. */
export const newest = (shape: d.Shape, time: string, id: string): string =>
  `(select coalesce(json_agg(${d.jsonArrayOf(shape, 'r')} order by r.${time} desc, r.${id} desc), '[]')
    from (select * from unequal order by ${time} desc, ${id} desc limit ${LISTED}) r)`
