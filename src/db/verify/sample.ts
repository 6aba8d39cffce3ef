const NEWEST = 500
const OLDEST = 5
const SPAN_POINTS = 100
const ROWS_PER_POINT = 5

/** A table with an index on these two columns. */
export interface Sampled {
  table: string
  time: string
  id: string
}

/**
 * SQL of the ids of the newest and the oldest rows, and of some of each hundredth of the time in between. It costs the same
 * in a table of any size.
 */
export const sampleOf = ({ table, time, id }: Sampled): string => `
  select ${id} from (
    (select ${id} from ${table} order by ${time} desc, ${id} desc limit ${NEWEST})
    union
    (select ${id} from ${table} order by ${time}, ${id} limit ${OLDEST})
    union
    select e.${id}
    from (select (select ${time} from ${table} where ${time} > '-infinity' order by ${time} limit 1) as first,
                 (select ${time} from ${table} where ${time} < 'infinity' order by ${time} desc limit 1) as last) t
    cross join generate_series(0, ${SPAN_POINTS - 1}) as n
    cross join lateral (
      select ${id} from ${table} where ${time} >= t.first + n * ((t.last - t.first) / ${SPAN_POINTS})
      order by ${time}, ${id} limit ${ROWS_PER_POINT}
    ) e
  ) of_all_ages`

export const SAMPLED_RUNS = sampleOf({
  table: 'workflow_executions',
  time: 'start_time',
  id: 'execution_id',
})
