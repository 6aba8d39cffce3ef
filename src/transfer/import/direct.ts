import type pg from 'pg'
import type { Layout } from '../../db/distributed/layout.ts'
import * as d from '../../db/query/decode.ts'
import { query } from '../../db/query/query.ts'
import type { RowKind } from '../../tables/tables.ts'
import { TRY_IMPORT_TURN } from './conflicts.ts'

/** Not the bills: their lines are checked first. */
const KINDS: readonly RowKind[] = ['execution', 'step', 'audit', 'metric']

/**
 * The kinds whose rows an import may write while it reads the file. Only into a store without runs: no engine waits there for
 * a run that the import has locked. Other imports wait from here on.
 */
export async function directKinds(
  client: pg.ClientBase,
  layout: Layout,
): Promise<readonly RowKind[]> {
  if (layout === 'distributed') return []
  const ask = async (condition: string) =>
    (await query(client, `select ${condition} as yes`, { yes: d.boolean() }))[0]?.yes === true
  const fresh =
    (await ask("has_table_privilege('workflow_executions', 'select')")) &&
    (await ask('not exists (select from workflow_executions)')) &&
    (await ask(TRY_IMPORT_TURN))
  if (!fresh) return []
  // The server keeps its plan of a foreign key, which it makes while the table has few rows.
  await client.query('set local enable_seqscan = off')
  return KINDS
}

export const endDirect = (client: pg.ClientBase) =>
  client.query('set local enable_seqscan to default')
