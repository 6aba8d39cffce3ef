import * as d from '../../db/query/decode.ts'
import type { Run } from '../../db/query/query.ts'
import { raw, sql } from '../../db/query/sql.ts'
import { priceNames } from './pricing.ts'

const resolvedShape = {
  /** As it was given. */
  name: d.text('g.name'),
  provider: d.text('named.provider'),
  /** In lower case. */
  model: d.text('named.model'),
}
/** The provider and the model whose imported price a name has. */
export type ResolvedName = d.RowOf<typeof resolvedShape>

export interface GivenName {
  name: string
  /** Null if no provider is given. */
  provider: string | null
}

/** Finds the models that names mean. A name without a rule is left out. */
export const resolveNames = (run: Run, names: readonly GivenName[]): Promise<ResolvedName[]> =>
  run(
    sql`select ${raw(d.selectList(resolvedShape, 'g'))}
      from jsonb_to_recordset(${JSON.stringify(names)}::jsonb) as g (name text, provider text)
      cross join lateral ${raw(priceNames('g.provider', 'g.name'))} where named.model is not null`,
    resolvedShape,
  )
