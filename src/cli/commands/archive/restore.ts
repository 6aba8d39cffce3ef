import { resolve } from 'node:path'
import type { Command } from 'commander'
import type { RestoreResult } from '../../../cleanup/restore/restore.ts'
import { formatDuration, plural } from '../../../numbers.ts'
import type { Context } from '../../context.ts'
import { explain } from '../../help/page.ts'
import type { GlobalOptions } from '../../options/global.ts'
import { isData } from '../../options/global.ts'
import { parseText } from '../../options/text.ts'
import { selectColumns } from '../../output/column.ts'
import { isAttended } from '../../terminal/confirm.ts'
import { progressLine } from '../../terminal/progress.ts'
import { whileCounting } from '../../terminal/waiting.ts'
import { removedRows, removedWords } from '../cleanup/words.ts'
import { restoreColumns, restoredTableColumns, restoredTables } from './columns.ts'

interface RestoreFlags extends GlobalOptions {
  dryRun?: boolean
  copy?: boolean
  yes?: boolean
}

export function define(restore: Command, context: Context): void {
  explain(restore, {
    about:
      'The archive is compared with its checksums first, and then all of it is restored or nothing. No total moves, and rows that are there are left alone: it can be repeated. It is for the owner of the tables (docs/CLEANUP.md).',
    exit: '1 where the archive is damaged; nothing is restored then.',
    examples: [
      'wfstore restore /var/archive --dry-run',
      'aws s3 cp s3://archive/2026.jsonl.gz - | wfstore restore -',
    ],
  })
  restore
    .argument(
      '<place>',
      'folder of an archive or of several, or the file of a pipe; - is stdin',
      parseText,
    )
    .option('--dry-run', 'do all of it, say what came of it, and take it back')
    .option('--copy', 'rows alone, into another database: no totals are changed')
    .option('-y, --yes', 'do not ask on a terminal')
    .action((place: string) => runRestore(context, restore.optsWithGlobals<RestoreFlags>(), place))
}

async function runRestore(context: Context, flags: RestoreFlags, place: string): Promise<void> {
  const { io } = context
  const asRows = flags.output === 'csv'
  selectColumns<never>(asRows ? restoredTableColumns : restoreColumns, flags.columns)
  const writer = context.writer(flags)
  const source = place === '-' ? place : resolve(io.cwd, place)
  const client = await context.connect(flags)
  const { assertDirect } = await import('../../../db/connect/pooler.ts')
  await assertDirect(client, () => context.connect(flags))
  if (source !== '-' && !flags.yes && !flags.dryRun && isAttended(io)) await ask(context, source)
  const { restoreArchive } = await import('../../../cleanup/restore/restore.ts')
  const progress = progressLine(io)
  const result = await restoreArchive(client, source, {
    dryRun: flags.dryRun,
    copy: flags.copy,
    stdin: io.stdin,
    progress: ({ lines, of }) => progress.show(lines, 'lines read', of),
    notice: (line) => {
      progress.end()
      writer.note(line)
    },
  }).finally(() => progress.end())
  if (asRows) await writer.list(restoredTableColumns, restoredTables(result))
  else if (isData(flags)) await writer.record(restoreColumns, result)
  else await writer.text(restoredLine(result, flags))
}

/** @throws WfstoreError failed where the answer is no, usage where there is no archive */
async function ask(context: Context, source: string): Promise<void> {
  const { verifyArchive } = await import('../../../cleanup/archive/verify/verify.ts')
  const { archives, lines, problems } = await whileCounting(context.io, () => verifyArchive(source))
  // What is damaged is refused, and why, without a question.
  if (problems.length > 0) return
  const question = `restores ${removedWords(lines)} of ${plural(archives.length, 'archive')}; rows that are there stay as they are. Go on?`
  await context.confirm(question, { unattended: 'proceed' })
}

function restoredLine(result: RestoreResult, { dryRun, copy }: RestoreFlags): string {
  const { archives, restored, alreadyThere, seconds } = result
  return [
    `${dryRun ? 'would restore' : 'restored'} ${removedWords(restored)} of ${plural(archives.length, 'archive')} in ${formatDuration(seconds * 1000)}`,
    ...(removedRows(alreadyThere) > 0 ? [`there already: ${removedWords(alreadyThere)}`] : []),
    ...(dryRun ? ['nothing was changed'] : copy ? [] : ['no total moved']),
  ].join('; ')
}
