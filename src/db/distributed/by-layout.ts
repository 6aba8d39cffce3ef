import type { Queryable } from '../query/connection.ts'
import { type Bound, raw, type Sql, type Statement } from '../query/sql.ts'
import type { Layout } from './layout.ts'

/** The layouts of the databases whose schema is checked. */
const layouts = new WeakMap<Queryable, Layout>()

/** 'single' until the schema is checked. */
export const layoutOf = (database: Queryable): Layout => layouts.get(database) ?? 'single'

export function setLayout(database: Queryable, layout: Layout): Layout {
  layouts.set(database, layout)
  return layout
}

const builders = new WeakMap<object, (layout: Layout) => Bound>()

/** A statement whose text depends on the layout, because Citus refuses that of a single server. */
export function byLayout<S extends Bound>(build: (layout: Layout) => S): S {
  const single = build('single')
  builders.set(single, build)
  return single
}

/** The statement for this layout. */
export const inLayout = (statement: Statement, layout: Layout): Statement =>
  layout === 'single' || typeof statement === 'string'
    ? statement
    : (builders.get(statement)?.(layout) ?? statement)

/**
 * The run as the last column of a select list and of its GROUP BY, in a distributed store. Citus reads a UNION in one statement of each
 * shard, and so in one snapshot, if each part has the run, no part has a subquery in FROM, and the UNION is aggregated: a run that
 * cleanup removes meanwhile counts once.
 */
export const perRun = (layout: Layout, alias = 'e'): Sql =>
  raw(layout === 'single' ? '' : `, ${alias}.execution_id`)
