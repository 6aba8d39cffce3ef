import type { Column } from './column.ts'

/** The headers of what an export or an import has counted. */
const HEADERS = {
  execution: 'Runs',
  step: 'Steps',
  audit: 'Audit entries',
  bill: 'Bills',
  metric: 'Metrics',
}
type Kind = keyof typeof HEADERS

/** A column for each kind of row. */
export const kindColumns = <Row>(
  countsOf: (row: Row) => Readonly<Record<Kind, number>>,
): Column<Row>[] =>
  (Object.keys(HEADERS) as Kind[]).map((kind) => ({
    name: kind,
    header: HEADERS[kind],
    kind: 'count',
    value: (row) => countsOf(row)[kind],
    json: false,
  }))
