import { resolve } from 'node:path'
import type { Command } from 'commander'
import type { RestoreResult } from '../../../cleanup/restore/restore.ts'
import type { RestoredReferences } from '../../../cleanup/types.ts'
import { formatDuration, plural } from '../../../numbers.ts'
import type { Context } from '../../context.ts'
import { explain } from '../../help/page.ts'
import type { GlobalOptions } from '../../options/global.ts'
import { isData } from '../../options/global.ts'
import { maxLine } from '../../options/max-line.ts'
import { checkOutput } from '../../options/output.ts'
import { parseText } from '../../options/values.ts'
import { isAttended } from '../../terminal/confirm.ts'
import { startProgress, withProgress } from '../../terminal/progress.ts'
import { removedRows, removedWords } from '../cleanup/words.ts'
import { restoreColumns, restoredTableColumns, restoredTables } from './columns.ts'

interface RestoreFlags extends GlobalOptions {
  dryRun?: boolean
  copy?: boolean
  maxLine?: number
  yes?: boolean
}

export function define(restore: Command, context: Context): void {
  explain(restore, {
    about:
      'Verifies the checksums, then restores everything or nothing. Totals do not change. Rows that exist are skipped, so it can be repeated. Run it as the owner of the tables.',
    exit: '1 if the archive is damaged; nothing is restored.',
    examples: [
      'wfstore restore /var/archive --dry-run',
      'aws s3 cp s3://archive/2026.jsonl.gz - | wfstore restore -',
    ],
  })
  restore
    .argument(
      '<path>',
      'folder of one or more archives, or an archive file; - for stdin',
      parseText,
    )
    .option('--dry-run', 'restore, print the result and roll back')
    .option('--copy', 'copy rows to another database; do not update totals')
    .option(...maxLine)
    .option('-y, --yes', 'skip the confirmation prompt')
    .action((path: string) => runRestore(context, restore.optsWithGlobals<RestoreFlags>(), path))
}

async function runRestore(context: Context, flags: RestoreFlags, path: string): Promise<void> {
  const { io } = context
  const asRows = flags.output === 'csv' || flags.output === 'tsv'
  checkOutput<never>(asRows ? restoredTableColumns : restoreColumns, flags)
  const writer = context.writer(flags)
  const source = path === '-' ? path : resolve(io.cwd, path)
  const client = await context.connect(flags)
  const { assertDirect } = await import('../../../db/connect/pooler.ts')
  await assertDirect(client, () => context.connect(flags))
  if (source !== '-' && !flags.yes && !flags.dryRun && isAttended(io)) await ask(context, source)
  const { restoreArchive } = await import('../../../cleanup/restore/restore.ts')
  const progress = startProgress(io)
  const restoring = () =>
    restoreArchive(client, source, {
      dryRun: flags.dryRun,
      copy: flags.copy,
      maxLineMiB: flags.maxLine,
      signal: io.signal,
      stdin: io.stdin,
      progress: ({ lines, of }) => progress.show(lines, 'lines read', of),
      notice: (line) => {
        progress.clear()
        writer.note(line)
      },
    })
  const result = await progress.during(restoring).finally(progress.clear)
  for (const line of result.references.flatMap(lostReferences)) writer.note(`warning: ${line}`)
  if (asRows) await writer.list(restoredTableColumns, restoredTables(result))
  else if (isData(flags)) await writer.record(restoreColumns, result)
  else await writer.sentence(restoredLine(result, flags))
}

/** @throws WfstoreError failed if the answer is no, usage if there is no archive */
async function ask(context: Context, source: string): Promise<void> {
  const { verifyArchive } = await import('../../../cleanup/archive/verify/verify.ts')
  const { archives, lines, problems } = await withProgress(context.io, () => verifyArchive(source))
  // restoreArchive rejects a damaged archive; no confirmation is needed.
  if (problems.length > 0) return
  const several = archives.length > 1
  const question = `${plural(archives.length, 'archive')} ${several ? 'have' : 'has'} ${removedWords(lines)}. Rows that exist are skipped${several ? ', and rows in several archives are restored once' : ''}. Restore the others?`
  await context.confirm(question, { unattended: 'proceed' })
}

const columnsText = ({ table, columns }: RestoredReferences) =>
  columns.map((column) => `${table}.${column}`).join(', ')

/** References of the application that are not as they were before the cleanup. */
function lostReferences(references: RestoredReferences): string[] {
  const { changed, problem } = references
  if (changed === 0) return []
  const why = problem ?? 'these rows were changed or deleted after the cleanup'
  return [`${columnsText(references)} is not set again in ${plural(changed, 'row')}: ${why}`]
}

function restoredLine(result: RestoreResult, { dryRun, copy }: RestoreFlags): string {
  const { archives, restored, alreadyThere, references, seconds } = result
  return [
    `${dryRun ? 'would restore' : 'restored'} ${removedWords(restored)} from ${plural(archives.length, 'archive')} in ${formatDuration(seconds * 1000)}`,
    ...(removedRows(alreadyThere) > 0
      ? [`skipped, already there: ${removedWords(alreadyThere)}`]
      : []),
    ...references
      .filter((each) => each.restored > 0)
      .map((each) => `${columnsText(each)} set again in ${plural(each.restored, 'row')}`),
    ...(dryRun ? ['nothing was changed'] : copy ? [] : ['totals are unchanged']),
  ].join('; ')
}
