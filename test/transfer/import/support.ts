import { buffer } from 'node:stream/consumers'
import type { ExecutionFilter } from '../../../src/queries/table/filter.ts'
import { exportLines } from '../../../src/transfer/export/export.ts'
import {
  type ImportOptions,
  type ImportReport,
  importLines,
} from '../../../src/transfer/import/import.ts'
import type { TestDatabase } from '../../support/database.ts'
import { withClient } from '../../support/migrate.ts'

export const exportOf = (database: TestDatabase, filter: ExecutionFilter = {}): Promise<string> =>
  withClient(database, async (client) => String(await buffer(exportLines(client, filter))))

type Piece = Uint8Array | string

export const importInto = (
  database: TestDatabase,
  source: Iterable<Piece> | AsyncIterable<Piece> | string,
  options: ImportOptions = {},
): Promise<ImportReport> =>
  withClient(database, (client) => importLines(client, pieces(source), options))

export async function* pieces(source: Iterable<Piece> | AsyncIterable<Piece> | string) {
  if (typeof source === 'string') yield Buffer.from(source)
  else yield* source
}

export const RUN = '11111111-1111-4111-8111-111111111111'
export const id = (number: number): string =>
  `00000000-0000-4000-8000-${String(number).padStart(12, '0')}`

type Fields = Record<string, unknown>

/** Lines with the required fields and the given ones. */
export const line = {
  execution: (fields: Fields = {}) =>
    one('execution', {
      executionId: RUN,
      workflowName: 'w',
      userId: 'u',
      mode: 'Sales',
      modelId: 'm',
      startTime: '2026-01-01T00:00:00.000000Z',
      ...fields,
    }),
  step: (fields: Fields = {}) =>
    one('step', { stepId: id(1), executionId: RUN, stepNumber: 1, stepName: 's', ...fields }),
  audit: (fields: Fields = {}) =>
    one('audit', {
      logId: id(2),
      executionId: RUN,
      userId: 'u',
      actionType: 'a',
      actionDetails: 'd',
      ...fields,
    }),
  bill: (fields: Fields = {}) =>
    one('bill', {
      billingId: id(3),
      executionId: RUN,
      userId: 'u',
      modelId: 'm',
      billingPeriod: '2026-01',
      ...fields,
    }),
  metric: (fields: Fields = {}) =>
    one('metric', { metricId: id(4), userId: 'u', metricType: 't', metricValue: 1.5, ...fields }),
}

const one = (kind: string, fields: Fields): string => `${JSON.stringify({ [kind]: fields })}\n`

export const EMPTY =
  'truncate workflow_executions, workflow_steps, audit_logs, billing_records, observability_metrics; truncate wfstore_bill_lines'

export async function rowsIn(database: TestDatabase): Promise<Record<string, number>> {
  const [counts] = await database.sql(
    `select (select count(*)::int from workflow_executions) as execution, (select count(*)::int from workflow_steps) as step,
       (select count(*)::int from audit_logs) as audit, (select count(*)::int from billing_records) as bill,
       (select count(*)::int from observability_metrics) as metric`,
  )
  return counts as Record<string, number>
}
