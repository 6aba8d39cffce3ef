import { resolve } from 'node:path'
import type { Command } from 'commander'
import { WfstoreError } from '../../../error.ts'
import { plural } from '../../../numbers.ts'
import type { Context } from '../../context.ts'
import { explain } from '../../help/page.ts'
import type { GlobalOptions } from '../../options/global.ts'
import { checkOutput } from '../../options/output.ts'
import { parseText } from '../../options/values.ts'
import { archiveColumns, reportColumns } from './columns.ts'

export function define(archive: Command, context: Context): void {
  const verify = archive
    .command('verify')
    .argument('<path>', 'folder of one or more archives, or an archive file', parseText)
  verify
    .summary('Verify archives against their checksums')
    .description('Verify all files of archives against their checksums and counts.')
  explain(verify, {
    about:
      'Does not connect to a database. COMPLETE is false if the cleanup was killed; the rows in its archive are still correct and can be restored.',
    exit: '1 if a file is damaged, truncated, missing or unknown; each is named.',
    examples: ['wfstore archive verify /var/archive', 'wfstore archive verify /var/archive --json'],
  }).action(async (path: string) => {
    const options = verify.optsWithGlobals<GlobalOptions>()
    const asObject = options.json === true || /^(jsonl?|yaml)$/.test(options.output ?? '')
    checkOutput<never>(asObject ? reportColumns : archiveColumns, options)
    const writer = context.writer(options)
    const { verifyArchive } = await import('../../../cleanup/archive/verify/verify.ts')
    const report = await verifyArchive(resolve(context.io.cwd, path))
    if (asObject) await writer.record(reportColumns, report)
    else await writer.list(archiveColumns, report.archives)
    const { archives, problems } = report
    if (problems.length === 0) return
    for (const { file, problem } of problems) writer.note(`${file} ${problem}`)
    const damaged = archives.filter((one) => one.problems.length > 0).length
    throw new WfstoreError(
      'failed',
      `${plural(problems.length, 'problem')} in ${damaged} of ${plural(archives.length, 'archive')}`,
      { hint: 'replace these files from a backup' },
    )
  })
}
