import { resolve } from 'node:path'
import { StringDecoder } from 'node:string_decoder'
import type { Command } from 'commander'
import type { LineCounts } from '../../transfer/lines/count.ts'
import type { Context } from '../context.ts'
import { explain } from '../help/page.ts'
import { checkFileMode, fileMode } from '../options/file-mode.ts'
import { addFilters, type FilterOptions, readFilter, withWholeIds } from '../options/filter.ts'
import { checkOutput, checkTextOnly } from '../options/output.ts'
import type { Column } from '../output/column.ts'
import { kindColumns } from '../output/kind-columns.ts'
import { guardStream } from '../output/stream.ts'
import { noProgress, startProgress } from '../terminal/progress.ts'

interface ExportReport {
  file: string
  exported: LineCounts
}

const exportColumns: Column<ExportReport>[] = [
  { name: 'file', kind: 'text', isName: true },
  {
    name: 'exported',
    kind: 'json',
    value: ({ exported }) => JSON.stringify(exported),
    table: false,
  },
  ...kindColumns<ExportReport>(({ exported }) => exported),
]

interface ExportFlags extends FilterOptions {
  out?: string
  fileMode?: number
}

export function define(command: Command, context: Context): void {
  explain(command, {
    about:
      'Exports one consistent snapshot. The same data always gives the same bytes. See wfstore help export-format.',
    examples: [
      'wfstore export --out history.jsonl.gz',
      `wfstore export --user user_7 --since 30d | jq -c 'select(.bill)'`,
    ],
  })
  addFilters(command, { status: true })
    .option('--out <file>', 'write to this file; .gz compresses it')
    .option(...fileMode)
    .action(async () => {
      const options = command.optsWithGlobals<ExportFlags>()
      const { isStdout } = await import('../../passage.ts')
      const out = options.out !== undefined && isStdout(options.out) ? undefined : options.out
      checkFileMode(options.fileMode, out !== undefined, '--out with a file')
      if (out === undefined) checkTextOnly(command, 'export', 'JSON lines', 'jsonl')
      else checkOutput(exportColumns, options)
      const given = await readFilter(options, context)
      const client = await context.connect(options)
      const filter = await withWholeIds(given, async (ids) => {
        const { query } = await import('../../db/query/query.ts')
        const { checkSchema } = await import('../../db/schema.ts')
        const { findIds } = await import('../../queries/ids.ts')
        await checkSchema(client)
        return findIds((statement, shape) => query(client, statement, shape), 'execution', ids)
      })
      const { exportLines } = await import('../../transfer/export/export.ts')
      const { lineCounter } = await import('../../transfer/lines/count.ts')
      const { counts, add } = lineCounter()
      const { io } = context
      // No progress if the lines go to the same terminal.
      const progress = out === undefined && io.stdout.isTTY ? noProgress : startProgress(io)
      const chunks = async function* () {
        for await (const chunk of exportLines(client, filter)) {
          add(chunk)
          const lines = Object.values(counts).reduce((sum, n) => sum + n, 0)
          progress.show(lines, 'lines written')
          yield chunk
        }
      }
      const write = async () => {
        if (out === undefined) return print(chunks(), context)
        const { writeWhole } = await import('../../files.ts')
        await writeWhole(resolve(io.cwd, out), chunks(), { fileMode: options.fileMode })
      }
      await progress.during(write).finally(progress.clear)
      if (out !== undefined)
        await context.writer(options).record(exportColumns, { file: out, exported: counts })
    })
}

async function print(chunks: AsyncIterable<Buffer>, { io }: Context): Promise<void> {
  const stdout = guardStream(io.stdout, 'stdout')
  // A chunk may end in the middle of a character.
  const decoder = new StringDecoder('utf8')
  for await (const chunk of chunks) await stdout.write(decoder.write(chunk))
  await stdout.flush()
}
