import type pg from 'pg'
import type { CatalogColumn, Constraint } from '../catalog.ts'
import * as d from '../query/decode.ts'
import { query } from '../query/query.ts'
import { run } from '../query/transaction.ts'
import { STATUS_WORDS } from './status-words.ts'

/**
 * How a check of the application on the status alone fits: 'same' has our list; 'narrow' refuses a status that wfstore
 * writes, so that it cannot stay; any other accepts more.
 */
export type StatusChecks = Map<Constraint, 'same' | 'narrow' | 'wide'>

export async function readStatusChecks(
  client: pg.Client,
  constraints: readonly Constraint[],
  columns: readonly CatalogColumn[],
): Promise<StatusChecks> {
  const found: StatusChecks = new Map()
  for (const check of constraints) {
    const { tableName, kind, expression } = check
    const statuses = Object.keys(STATUS_WORDS[tableName] ?? {})
    const column = columns.find((one) => one.tableName === tableName && one.name === 'status')
    // Another type is an obstacle.
    if (kind !== 'c' || check.columns !== '["status"]' || expression === null) continue
    if (!/^(text|varchar|bpchar)$/.test(column?.baseType ?? '')) continue
    const listed = [...expression.matchAll(/'((?:[^']|'')*)'::/g)].map(([, word]) => word)
    const same =
      / = ANY \(/.test(expression) && listed.toSorted().join() === statuses.toSorted().join()
    found.set(
      check,
      (await refuses(client, expression, statuses)) ? 'narrow' : same ? 'same' : 'wide',
    )
  }
  return found
}

/** A check can call a function that fails. */
async function refuses(
  client: pg.Client,
  expression: string,
  statuses: string[],
): Promise<boolean> {
  await run(client, 'savepoint checks')
  try {
    const [row] = await query(
      client,
      {
        text: `select bool_or((${expression}) is false) as refused from unnest($1::text[]) as t (status)`,
        values: [statuses],
      },
      { refused: d.boolean() },
    )
    return row?.refused !== false
  } catch {
    await run(client, 'rollback to savepoint checks')
    return true
  } finally {
    await run(client, 'release savepoint checks')
  }
}
