import { createReadStream } from 'node:fs'
import { resolve } from 'node:path'
import type { Command } from 'commander'
import { WfstoreError } from '../../error.ts'
import { plural } from '../../numbers.ts'
import type { ImportReport, InvalidLine } from '../../transfer/import/import.ts'
import type { Context } from '../context.ts'
import { explain } from '../help/page.ts'
import { assertReadable } from '../options/file.ts'
import type { GlobalOptions } from '../options/global.ts'
import { maxLine } from '../options/max-line.ts'
import { checkOutput } from '../options/output.ts'
import type { Column } from '../output/column.ts'
import { kindColumns } from '../output/kind-columns.ts'
import { withProgress } from '../terminal/progress.ts'

const invalidColumns: Column<InvalidLine>[] = [
  { name: 'line', kind: 'count' },
  { name: 'reason', kind: 'text', wrap: '' },
]

const importColumns: Column<ImportReport>[] = [
  { name: 'read', header: 'Lines', kind: 'count' },
  {
    name: 'inserted',
    kind: 'json',
    value: ({ inserted }) => JSON.stringify(inserted),
    table: false,
  },
  ...kindColumns<ImportReport>(({ inserted }) => inserted),
  { name: 'repeated', kind: 'count' },
  { name: 'invalidCount', header: 'Invalid', kind: 'count' },
  { name: 'invalid', kind: 'rows', columns: invalidColumns as Column<never>[], table: false },
]

interface ImportFlags extends GlobalOptions {
  skipInvalid?: boolean
  maxLine?: number
}

export function define(command: Command, context: Context): void {
  explain(command, {
    about:
      'Imports the whole file or, if a line is invalid, nothing. Rows that exist are skipped, so an import can be repeated. See wfstore help export-format.',
    exit: '2 if a line is invalid; with --skip-invalid 1 only if all lines are.',
    examples: [
      'wfstore import history.jsonl.gz',
      'wfstore export --since 30d | wfstore import - --profile staging',
    ],
  })
  command
    .argument('<file>', 'JSON lines from wfstore export, plain or gzip; - for stdin')
    .option('--skip-invalid', 'skip invalid lines and import the others')
    .option(...maxLine)
    .action(async (file: string) => {
      const options = command.optsWithGlobals<ImportFlags>()
      checkOutput(importColumns, options)
      const writer = context.writer(options)
      const path = resolve(context.io.cwd, file)
      // Reject a wrong file name before connecting.
      if (file !== '-') await assertReadable(path, file)
      const client = await context.connect(options)
      const { importLines } = await import('../../transfer/import/import.ts')
      const source = file === '-' ? context.io.stdin : createReadStream(path)
      const report = await withProgress(context.io, (show) =>
        importLines(client, source, {
          skipInvalid: options.skipInvalid,
          maxLineMiB: options.maxLine,
          onProgress: ({ read, written }) =>
            written === 0 ? show(read, 'lines read') : show(written, 'lines written', read),
        }),
      )
      for (const { line, reason } of report.invalid) writer.note(`line ${line}: ${reason}`)
      const more = report.invalidCount - report.invalid.length
      if (more > 0) writer.note(`${plural(more, 'more line')} ${more === 1 ? 'is' : 'are'} invalid`)
      await writer.record(importColumns, report)
      if (report.invalidCount > 0 && report.invalidCount === report.read) {
        throw new WfstoreError('failed', 'all lines are invalid; nothing was imported')
      }
    })
}
