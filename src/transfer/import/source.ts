import { describe } from '../../db/query/errors.ts'
import { WfstoreError } from '../../error.ts'
import { countOf } from '../../queries/table/validate.ts'
import { type ImportSource, uncompressed } from '../lines/gzip.ts'
import { MOST_LONGEST } from '../lines/longest.ts'
import { type Line, readLines } from '../lines/read.ts'

/** @throws WfstoreError usage */
export function checkLongest(maxLineMiB: number | undefined): void {
  if ((countOf('maxLineMiB', maxLineMiB, 1) ?? 1) > MOST_LONGEST)
    throw new WfstoreError('usage', `maxLineMiB is ${maxLineMiB}, not at most ${MOST_LONGEST}`)
}

/** The lines to import. @throws WfstoreError usage if they are damaged, failed */
export async function* readable(source: ImportSource, maxLineMiB?: number): AsyncGenerator<Line[]> {
  try {
    yield* readLines(uncompressed(source), maxLineMiB)
  } catch (cause) {
    const { code, message } = describe(cause)
    if (code === 'Z_EXPANSION') {
      throw new WfstoreError('usage', `the compressed file is refused: ${message}`, {
        hint: 'nothing was imported',
        cause,
      })
    }
    if (code?.startsWith('Z_')) {
      throw new WfstoreError('usage', `the compressed file is damaged: ${message}`, {
        hint: 'nothing was imported; make or copy the file again',
        cause,
      })
    }
    throw new WfstoreError('failed', `cannot read what is to be imported: ${message}`, { cause })
  }
}
