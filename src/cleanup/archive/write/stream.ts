import { createHash } from 'node:crypto'
import type { Writable } from 'node:stream'
import { finished } from 'node:stream/promises'
import { describe } from '../../../db/query/errors.ts'
import { WfstoreError } from '../../../error.ts'
import { checkNames } from '../../../options.ts'
import { openPassage } from '../../../passage.ts'
import type { ArchiveSink, Cleaned } from '../../types.ts'
import { addRows, FORM, type Mark, noRows, type StreamSums, seal } from '../form.ts'
import { blocksOf } from './blocks.ts'
import { createSpill } from './spill.ts'

/**
 * Writes an archive to a stream, such as a pipe to other storage: the head, lines, after each batch a mark with the sums of
 * everything before it, and the manifest at the end. A batch is sent only at its sync. A given stream is not closed.
 * @param to a stream, or the path of a device or a FIFO
 */
export function archiveToStream(
  to: Writable | string,
  options: { wfstoreVersion: string },
): ArchiveSink {
  checkNames('archiveToStream', options, { wfstoreVersion: true })
  const { wfstoreVersion } = options
  const hash = createHash('sha256')
  const lines = noRows()
  const place = typeof to === 'string' ? to : '-'
  let stream: Writable | undefined
  let bytes = 0
  const spill = createSpill()
  let batch = noRows()
  // Without a listener an error would end the process. The next write reports it.
  let broken: Error | undefined
  const onError = (error: Error) => {
    broken ??= error
  }

  const send = (data: Buffer) =>
    new Promise<void>((resolve, reject) => {
      if (broken || !stream) reject(broken)
      else stream.write(data, (error) => (error ? reject(broken ?? error) : resolve()))
    }).then(() => {
      hash.update(data)
      bytes += data.length
    })
  /** A partly sent batch cannot be discarded, so nothing may be sent after it. */
  const sending = async (work: () => Promise<void>) => {
    try {
      await work()
    } catch (cause) {
      broken ??= cause as Error
      throw streamError(cause)
    }
  }
  const sums = (): StreamSums => ({ lines: { ...lines }, bytes, sha256: hash.copy().digest('hex') })
  const mark = (value: Mark) => send(Buffer.from(`${seal(value)}\n`))
  const settle = async () => {
    await spill.close().catch(() => {})
    if (typeof to !== 'string') stream?.off('error', onError)
    else if (stream && !stream.destroyed) stream.destroy()
  }

  return {
    place,
    isStream: true,
    open: (cleanup) =>
      sending(async () => {
        stream = typeof to === 'string' ? await openPassage(to) : to
        stream.on('error', onError)
        await mark({ archive: { form: FORM, wfstore: wfstoreVersion, ...cleanup } })
      }),
    write: async (kind: Cleaned, chunks) => {
      let written = 0
      for await (const block of blocksOf(chunks)) {
        await spill.add(block.data)
        written += block.lines
      }
      batch[kind] += written
      return written
    },
    sync: async () => {
      if (Object.values(batch).every((count) => count === 0)) return
      await sending(async () => {
        for await (const data of spill.read()) await send(data)
        addRows(lines, batch)
        await mark({ sync: sums() })
      })
      batch = noRows()
      await spill.clear()
    },
    rollback: async () => {
      batch = noRows()
      await spill.clear()
    },
    finish: async () => {
      await sending(() => mark({ manifest: sums() }))
      if (typeof to === 'string') await sending(() => endOf(stream as Writable))
      await settle()
      return { place, files: [], lines: { ...lines }, bytes }
    },
    abandon: settle,
  }
}

const endOf = (stream: Writable) => finished(stream.end(), { readable: false })

/** A closed pipe is a failure: rows that were not archived must not be deleted. */
function streamError(cause: unknown): WfstoreError {
  if (cause instanceof WfstoreError) return cause
  const message = `cannot write the archive: ${describe(cause).message}`
  return new WfstoreError('failed', message, {
    hint: 'rows that are not archived were not deleted; check the program that reads the archive and run the cleanup again',
    cause,
  })
}
