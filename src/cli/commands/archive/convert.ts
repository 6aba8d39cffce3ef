import { resolve } from 'node:path'
import { type Command, Option } from 'commander'
import type { ConvertedArchive } from '../../../cleanup/archive/convert/archive.ts'
import type { ArchiveFormat } from '../../../cleanup/types.ts'
import { plural } from '../../../numbers.ts'
import type { Context } from '../../context.ts'
import { explain } from '../../help/page.ts'
import type { GlobalOptions } from '../../options/global.ts'
import { checkOutput } from '../../options/output.ts'
import { parseText } from '../../options/values.ts'
import { startProgress } from '../../terminal/progress.ts'
import { convertedColumns } from './columns.ts'

interface ConvertFlags extends GlobalOptions {
  to: ArchiveFormat
  out?: string
  unfinished?: boolean
}

export function define(archive: Command, context: Context): void {
  const convert = archive
    .command('convert')
    .argument('<folder>', 'folder of one or more archives', parseText)
  convert
    .summary('Convert archives to Parquet, or back to JSON lines')
    .description('Convert the files of archives to Parquet, or back to JSON lines, without a loss.')
    .addOption(
      new Option('--to <format>', 'the new format')
        .choices(['parquet', 'jsonl'])
        .default('parquet'),
    )
    .option('--out <folder>', 'write copies to this folder; keep the archives', parseText)
    .option('--unfinished', 'convert archives of killed cleanups, too')
  explain(convert, {
    about:
      'Does not connect to a database. Each new file is compared with the old one before it replaces it. It can be killed and run again. Use --unfinished only if no cleanup is writing to the folder.',
    exit: '1 if a file is damaged; 5 if another process is converting the archive.',
    examples: [
      'wfstore archive convert /var/archive',
      'wfstore archive convert /var/archive --to jsonl --out /tmp/lines',
    ],
  }).action((folder: string) =>
    runConvert(context, convert.optsWithGlobals<ConvertFlags>(), folder),
  )
}

async function runConvert(context: Context, flags: ConvertFlags, folder: string): Promise<void> {
  const { io } = context
  checkOutput(convertedColumns, flags)
  const writer = context.writer(flags)
  const { archiveFolders } = await import('../../../cleanup/archive/verify/verify.ts')
  const { convertArchive } = await import('../../../cleanup/archive/convert/archive.ts')
  const { to, unfinished } = flags
  const out = flags.out === undefined ? undefined : resolve(io.cwd, flags.out)
  const progress = startProgress(io)
  let lines = 0
  const archives: ConvertedArchive[] = []
  const work = async () => {
    for (const place of await archiveFolders(resolve(io.cwd, folder))) {
      if (io.signal.aborted) return
      const converted = await convertArchive(place, {
        ...{ to, out, unfinished },
        signal: io.signal,
        progress: (more) => {
          lines += more
          progress.show(lines, 'lines converted')
        },
      })
      archives.push(converted)
    }
  }
  await progress.during(work).finally(progress.clear)
  await writer.list(convertedColumns, archives)
  for (const archive of archives.filter(({ outcome }) => outcome === 'converted')) {
    for (const { name, textColumns = [] } of archive.files) {
      if (textColumns.length === 0) continue
      const what = textColumns.length === 1 ? 'a column is' : `${textColumns.length} columns are`
      writer.note(
        `${what} text in ${archive.place}/${name}, because the type cannot hold each value exactly: ${textColumns.join(', ')}`,
      )
    }
  }
  const left = archives.filter(({ outcome }) => outcome === 'unfinished')
  if (left.length > 0)
    writer.note(
      `${plural(left.length, 'archive')} left as ${left.length === 1 ? 'it is' : 'they are'}: the cleanup was killed or is running; if none is running, use --unfinished`,
    )
}
