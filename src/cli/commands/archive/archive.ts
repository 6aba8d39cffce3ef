import { resolve } from 'node:path'
import type { Command } from 'commander'
import { WfstoreError } from '../../../error.ts'
import { plural } from '../../../numbers.ts'
import type { Context } from '../../context.ts'
import { explain } from '../../help/page.ts'
import type { GlobalOptions } from '../../options/global.ts'
import { parseText } from '../../options/text.ts'
import { selectColumns } from '../../output/column.ts'
import { archiveColumns, reportColumns } from './columns.ts'

export function define(archive: Command, context: Context): void {
  const verify = archive
    .command('verify')
    .argument('<place>', 'folder of an archive or of several, or the file of a pipe', parseText)
  verify
    .summary('compares archives with their checksums')
    .description(
      'Reads archives to their end and compares all of it with the checksums and counts.',
    )
  explain(verify, {
    about:
      'It asks no database. COMPLETE is false where the cleanup was killed: what its archive covers is right all the same, and wfstore restore takes it.',
    exit: '1 where a file is damaged, truncated, missing or a stranger; each is named.',
    examples: ['wfstore archive verify /var/archive', 'wfstore archive verify /var/archive --json'],
  }).action(async (place: string) => {
    const options = verify.optsWithGlobals<GlobalOptions>()
    const asObject = options.json === true || /^jsonl?$/.test(options.output ?? '')
    selectColumns<never>(asObject ? reportColumns : archiveColumns, options.columns)
    const writer = context.writer(options)
    const { verifyArchive } = await import('../../../cleanup/archive/verify/verify.ts')
    const report = await verifyArchive(resolve(context.io.cwd, place))
    if (asObject) await writer.record(reportColumns, report)
    else await writer.list(archiveColumns, report.archives)
    const { archives, problems } = report
    if (problems.length === 0) return
    for (const { file, problem } of problems) writer.note(`${file} ${problem}`)
    const damaged = archives.filter((one) => one.problems.length > 0).length
    throw new WfstoreError(
      'failed',
      `${plural(problems.length, 'fault')} in ${damaged} of ${plural(archives.length, 'archive')}`,
      { hint: 'bring the files that are named back from a copy' },
    )
  })
}
