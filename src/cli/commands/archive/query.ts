import { resolve } from 'node:path'
import type { Command } from 'commander'
import type { QueriedColumn, QueriedRow } from '../../../cleanup/archive/query/query.ts'
import type { Context } from '../../context.ts'
import { explain } from '../../help/page.ts'
import type { GlobalOptions } from '../../options/global.ts'
import { checkOutput } from '../../options/output.ts'
import { parseText } from '../../options/values.ts'
import type { Column } from '../../output/column.ts'

export function define(archive: Command, context: Context): void {
  const query = archive
    .command('query')
    .argument('<folder>', 'folder of one or more archives', parseText)
    .argument('<sql>', 'one SELECT of DuckDB', parseText)
  query
    .summary('Query the rows of archives with SQL')
    .description('Query the rows of archives with SQL of DuckDB. Amounts and counts are exact.')
  explain(query, {
    about:
      'Does not connect to a database. The tables are workflow_executions, workflow_steps, audit_logs and observability_metrics. Needs DuckDB: npm install @duckdb/node-api',
    exit: '2 if the query is wrong or does more than read.',
    examples: ['wfstore archive query /var/archive "select sum(cost) from workflow_steps"'],
  }).action(async (folder: string, sql: string) => {
    const flags = query.optsWithGlobals<GlobalOptions>()
    const { io } = context
    const writer = context.writer(flags)
    const { queryArchives } = await import('../../../cleanup/archive/query/query.ts')
    const place = resolve(io.cwd, folder)
    await queryArchives(
      place,
      sql,
      { signal: io.signal, notice: (line) => writer.note(line) },
      async (found, rows) => {
        const columns = found.map(columnOf)
        checkOutput(columns, flags)
        await writer.list(columns, rows, { empty: 'no rows' })
      },
    )
  })
}

const columnOf = ({ name, kind }: QueriedColumn, place: number): Column<QueriedRow> => ({
  name,
  header: name.toUpperCase(),
  kind,
  value: (row) => row[place],
})
