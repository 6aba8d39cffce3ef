import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { PassThrough, Writable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { gzipSync } from 'node:zlib'
import { expect, it } from 'vitest'
import { verifyArchive } from '../../../src/cleanup/archive/verify/verify.ts'
import { archiveToStream } from '../../../src/cleanup/archive/write/stream.ts'
import { chunks, flipByte, head, inFolder, options, writeTwoBatches } from './support.ts'

const LINES = { execution: 1, step: 3, audit: 3, metric: 0 }

async function streamed(): Promise<Buffer> {
  const stream = new PassThrough()
  const bytes = buffer(stream)
  const sink = archiveToStream(stream, options)
  await writeTwoBatches(sink)
  await sink.write('metric', chunks('{"metric":{"lost":1}}\n'))
  await sink.rollback()
  expect(await sink.finish()).toMatchObject({ place: '-', files: [], lines: LINES })
  stream.end()
  return bytes
}

it('a stream has a head, lines with a mark after each batch, and the manifest', async () => {
  const lines = String(await streamed())
    .trimEnd()
    .split('\n')
  const keys = lines.map((line) => Object.keys(JSON.parse(line))[0])
  expect(keys.join(' ')).toBe(
    'archive step step execution sync audit audit audit step sync manifest',
  )
  expect(JSON.parse(lines[0] as string).archive).toEqual({ form: 1, wfstore: '1.2.3', ...head })
  expect(JSON.parse(lines.at(-1) as string).manifest).toMatchObject({ lines: LINES })
})

it('a stream can be verified plain and compressed; torn at any place it covers the synced lines', () =>
  inFolder(async (folder) => {
    const whole = await streamed()
    const path = join(folder, 'archive.jsonl')
    const verify = async (bytes: Buffer) => {
      writeFileSync(path, bytes)
      const { archives, ...report } = await verifyArchive(path)
      return { ...report, ...archives[0] }
    }
    for (const bytes of [whole, gzipSync(whole)]) {
      expect(await verify(bytes)).toMatchObject({
        complete: true,
        lines: LINES,
        problems: [],
        ignoredBytes: 0,
      })
    }
    const syncs = [...String(whole).matchAll(/^\{"sync.*\n/gm)].map(([mark], n, all) => {
      const { index } = all[n] as RegExpExecArray
      return index + mark.length
    })
    for (let size = 4; size < whole.length; size += 3) {
      const torn = await verify(whole.subarray(0, size))
      const steps = [0, 2, 3][syncs.filter((end) => end <= size).length]
      expect(torn, `${size} bytes`).toMatchObject({
        complete: false,
        lines: { step: steps },
        problems: [],
      })
    }
    const half = gzipSync(whole).subarray(0, -200)
    expect(await verify(half)).toMatchObject({ complete: false, problems: [] })
  }))

it('any altered byte, and anything after the end, is detected', () =>
  inFolder(async (folder) => {
    const path = join(folder, 'archive.jsonl')
    const whole = await streamed()
    writeFileSync(path, whole)
    for (let at = 4; at < whole.length - 1; at += 5) {
      flipByte(path, at)
      const { problems } = await verifyArchive(path)
      expect(problems, `byte ${at}`).toMatchObject([{ file: 'archive.jsonl' }])
      flipByte(path, at)
    }
    expect(readFileSync(path)).toEqual(whole)
    writeFileSync(path, '{"step":{}}\n', { flag: 'a' })
    expect((await verifyArchive(path)).problems).toMatchObject([
      { problem: 'has data after its end' },
    ])
  }))

it('a file that is not an archive is refused as such', () =>
  inFolder(async (folder) => {
    const path = join(folder, 'other')
    for (const text of ['{"execution":{}}\n', 'PK\x03\x04']) {
      writeFileSync(path, text)
      await expect(verifyArchive(path)).rejects.toMatchObject({
        code: 'usage',
        message: `${path} is not an archive of wfstore`,
      })
    }
  }))

it('a reader that closes the pipe is a failure, also for later writes', async () => {
  let taken = 0
  const stream = new Writable({
    write: (_chunk, _encoding, done) =>
      done(++taken > 1 ? Object.assign(new Error('write EPIPE'), { code: 'EPIPE' }) : null),
  })
  const sink = archiveToStream(stream, options)
  await sink.open(head)
  await sink.write('audit', chunks('{"audit":{}}\n'))
  const failure = { code: 'failed', message: 'cannot write the archive: write EPIPE' }
  await expect(sink.sync()).rejects.toMatchObject(failure)
  await sink.rollback()
  await sink.write('audit', chunks('{"audit":{}}\n'))
  await expect(sink.sync()).rejects.toMatchObject(failure)
  await expect(sink.finish()).rejects.toMatchObject(failure)
  await sink.abandon()
})

it('nothing of a batch of any size is sent before its sync', async () => {
  let sent = 0
  const stream = new Writable({
    write: (chunk, _encoding, done) => {
      sent += chunk.length
      done()
    },
  })
  const sink = archiveToStream(stream, options)
  await sink.open(head)
  const before = sent
  const row = `{"audit":{"a":"${'x'.repeat(9e6)}"}}\n`
  await sink.write('audit', chunks(row, row, row))
  expect(sent).toBe(before)
  await sink.rollback()
  await sink.write('audit', chunks(row, row))
  await sink.sync()
  expect(sent - before).toBeGreaterThan(2 * row.length)
  expect(sent - before).toBeLessThan(2 * row.length + 500)
  expect((await sink.finish()).lines.audit).toBe(2)
})
