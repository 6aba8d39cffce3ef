import type { Command } from 'commander'
import { WfstoreError } from '../../../error.ts'
import type { Context } from '../../context.ts'
import { explain } from '../../help/page.ts'
import { addIngestOptions, type IngestFlags } from '../../options/ingest.ts'

export function define(ingest: Command, context: Context): void {
  addIngestOptions(
    ingest
      .usage('[options] [file...]')
      // Described above the options: a page has 24 lines.
      .argument('[file...]'),
  ).description(
    'Store OpenTelemetry traces as runs: from files that the Collector has written (JSON lines, plain or gzip; - for stdin), or received over HTTP.',
  )
  explain(ingest, {
    exit: '1 if a span or a line was refused; the others are stored.',
    examples: [
      'wfstore ingest traces.jsonl.gz',
      'wfstore ingest --listen 127.0.0.1:4318 --default-mode Support',
    ],
  })
  ingest.action(async (files: string[]) => {
    const flags = ingest.optsWithGlobals<IngestFlags>()
    const { listen } = flags
    checkUse(flags, files)
    if (listen === undefined) {
      const { ingestFiles } = await import('./file.ts')
      return ingestFiles(context, flags, files)
    }
    const { receiveTraces } = await import('./listen.ts')
    await receiveTraces(context, { ...flags, listen })
  })
}

/** @throws WfstoreError usage */
function checkUse({ listen, maxLine }: IngestFlags, files: readonly string[]): void {
  if (listen === undefined && files.length === 0)
    throw new WfstoreError('usage', 'a file or --listen is required', {
      hint: 'name a file, - for stdin, or --listen 127.0.0.1:4318',
    })
  if (listen !== undefined && files.length > 0)
    throw new WfstoreError('usage', '--listen and files cannot be used together', {
      hint: 'run a command for each',
    })
  if (listen !== undefined && maxLine !== undefined)
    throw new WfstoreError('usage', '--listen and --max-line cannot be used together', {
      hint: 'remove --max-line: it is for files',
    })
  if (files.filter((file) => file === '-').length > 1)
    throw new WfstoreError('usage', 'stdin can be read only once', { hint: 'give - only once' })
}
