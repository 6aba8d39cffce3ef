import {
  copyFileSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { cp, mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { expect, it } from 'vitest'
import { verifyArchive } from '../../../src/cleanup/archive/verify/verify.ts'
import { archiveInFolder } from '../../../src/cleanup/archive/write/folder.ts'
import { chunks, FOLDER, flipByte, head, inFolder, options, writeTwoBatches } from './support.ts'

const LINES = { execution: 1, step: 3, audit: 3, metric: 0 }

/** A complete archive, and what a kill left just before that. */
async function bothIn(folder: string): Promise<{ complete: string; killed: string }> {
  const sink = archiveInFolder(folder, options)
  await writeTwoBatches(sink)
  const killed = join(folder, 'killed')
  await cp(join(folder, FOLDER), killed, { recursive: true })
  await sink.finish()
  return { complete: join(folder, FOLDER), killed }
}

const problemsIn = async (place: string) =>
  (await verifyArchive(place)).problems.map(({ file, problem }) => `${file} ${problem}`)

it('a file for each kind, members of gzip, and a manifest that counts them', () =>
  inFolder(async (folder) => {
    const sink = archiveInFolder(folder, options)
    expect(sink.place).toBe(folder)
    await writeTwoBatches(sink)
    const summary = await sink.finish()
    const place = join(folder, FOLDER)
    expect(readdirSync(place)).toEqual([
      'audit-0001.jsonl.gz',
      'executions-0001.jsonl.gz',
      'manifest.json',
      'steps-0001.jsonl.gz',
    ])
    expect(String(gunzipSync(readFileSync(join(place, 'steps-0001.jsonl.gz'))))).toBe(
      '{"step":{"a":1}}\n{"step":{"a":2}}\n{"step":{"a":3}}\n',
    )
    const manifest = JSON.parse(readFileSync(join(place, 'manifest.json'), 'utf8'))
    expect(manifest).toMatchObject({ ...head, form: 1, wfstore: '1.2.3', lines: LINES })
    expect(summary).toEqual({ place, files: manifest.files, lines: LINES, bytes: manifest.bytes })
    const report = await verifyArchive(folder)
    expect(report).toMatchObject({ place: folder, complete: true, lines: LINES, problems: [] })
    expect(report.archives[0]).toMatchObject({ place, form: 'folder', ignoredBytes: 0 })
  }))

it('a full file is followed by another, at the end of a line', () =>
  inFolder(async (folder) => {
    const sink = archiveInFolder(folder, { ...options, fileBytes: 1 })
    await sink.open(head)
    const long = 'x'.repeat(3 * 1024 * 1024)
    await sink.write('audit', chunks('{"audit":{"a":"', long, '"}}\n', '{"audit":{}}\n'))
    await sink.write('audit', chunks('{"audit":{}}\n'))
    await sink.sync()
    await sink.write('audit', chunks('{"audit":{}}\n'))
    await sink.sync()
    const { files } = await sink.finish()
    expect(files.map(({ name, lines }) => [name, lines])).toEqual([
      ['audit-0001.jsonl.gz', 2],
      ['audit-0002.jsonl.gz', 1],
      ['audit-0003.jsonl.gz', 1],
    ])
    expect(await problemsIn(folder)).toEqual([])
  }))

it('lines that were not synced are removed, with the files that were created for them', () =>
  inFolder(async (folder) => {
    const sink = archiveInFolder(folder, { ...options, fileBytes: 60 })
    await writeTwoBatches(sink)
    const before = readdirSync(join(folder, FOLDER))
    await sink.write('step', chunks('{"step":{"lost":1}}\n'))
    await sink.write('step', chunks('{"step":{"lost":2}}\n'))
    await sink.write('metric', chunks('{"metric":{"lost":1}}\n'))
    await sink.rollback()
    expect(readdirSync(join(folder, FOLDER))).toEqual(before)
    await sink.write('step', chunks('{"step":{"a":4}}\n'))
    await sink.sync()
    expect((await sink.finish()).lines).toEqual({ ...LINES, step: 4 })
    expect(await problemsIn(folder)).toEqual([])
  }))

it('a batch with missing rows is removed', () =>
  inFolder(async (folder) => {
    const sink = archiveInFolder(folder, options)
    await writeTwoBatches(sink)
    const torn = async function* () {
      yield Buffer.from('{"step":{"a":4}}\n{"st')
      throw new Error('the server went')
    }
    await expect(sink.write('step', torn())).rejects.toThrow('the server went')
    await sink.rollback()
    expect((await sink.finish()).lines).toEqual(LINES)
    expect(await problemsIn(folder)).toEqual([])
  }))

it(
  'the archive of a killed cleanup has the lines that it synced, for a last write torn at any place',
  { tags: 'slow' },
  () =>
    inFolder(async (folder) => {
      const { killed } = await bothIn(folder)
      const journal = join(killed, 'segments.jsonl')
      const whole = readFileSync(journal)
      const ends = [...String(whole).matchAll(/\n/g)].map(({ index }) => index)
      for (let bytes = 0; bytes <= whole.length; bytes++) {
        writeFileSync(journal, whole.subarray(0, bytes))
        const { archives, problems } = await verifyArchive(killed)
        const synced = ends.filter((end) => end <= bytes).length
        if (synced === 0) {
          expect(problems).toMatchObject([{ file: 'segments.jsonl' }])
          continue
        }
        expect(problems).toEqual([])
        const steps = [0, 2, 3][synced - 1]
        expect(archives[0]).toMatchObject({ complete: false, lines: { step: steps } })
      }
      // As some file systems leave it after a power cut.
      writeFileSync(
        journal,
        Buffer.concat([whole.subarray(0, (ends[1] as number) + 1), Buffer.alloc(50)]),
      )
      expect((await verifyArchive(killed)).archives[0]).toMatchObject({
        problems: [],
        lines: { step: 2 },
      })
    }),
)

it('lines after the last sync are ignored, and so is a file without a sync', () =>
  inFolder(async (folder) => {
    const { killed } = await bothIn(folder)
    writeFileSync(join(killed, 'audit-0001.jsonl.gz'), 'torn', { flag: 'a' })
    writeFileSync(join(killed, 'audit-0002.jsonl.gz'), 'torn')
    expect((await verifyArchive(killed)).archives[0]).toMatchObject({
      problems: [],
      lines: LINES,
      ignoredBytes: 8,
    })
  }))

it('any altered byte of any file is noticed, and the file is named', { tags: 'slow' }, () =>
  inFolder(async (folder) => {
    for (const place of Object.values(await bothIn(folder))) {
      for (const name of readdirSync(place)) {
        const path = join(place, name)
        const step = name.endsWith('.gz') ? 1 : 7
        const { size } = statSync(path)
        for (let at = 0; at < size; at += step) {
          flipByte(path, at)
          const { problems } = await verifyArchive(place)
          expect(problems, `byte ${at} of ${name}`).toMatchObject([{ file: name }])
          flipByte(path, at)
        }
      }
      expect(await problemsIn(place)).toEqual([])
    }
  }),
)

it('an altered end of the last line of a journal is noticed', () =>
  inFolder(async (folder) => {
    const { killed } = await bothIn(folder)
    const path = join(killed, 'segments.jsonl')
    flipByte(path, statSync(path).size - 1)
    expect(await problemsIn(killed)).toEqual([
      expect.stringMatching(/^segments\.jsonl is damaged in line \d+$/),
    ])
  }))

it('truncated, missing and unexpected files are named', () =>
  inFolder(async (folder) => {
    const { complete, killed } = await bothIn(folder)
    for (const place of [complete, killed]) {
      truncateSync(join(place, 'steps-0001.jsonl.gz'), 20)
      rmSync(join(place, 'executions-0001.jsonl.gz'))
      writeFileSync(join(place, 'notes.txt'), '')
    }
    const { size } = statSync(join(complete, 'steps-0001.jsonl.gz'))
    copyFileSync(join(complete, 'audit-0001.jsonl.gz'), join(complete, 'audit-0002.jsonl.gz'))
    expect(size).toBe(20)
    const truncated = expect.stringMatching(
      /^steps-0001.jsonl.gz is truncated: it has 20 bytes of \d+$/,
    )
    expect((await problemsIn(complete)).toSorted()).toEqual([
      'audit-0002.jsonl.gz does not belong to this archive',
      'executions-0001.jsonl.gz is missing',
      'notes.txt does not belong to this archive',
      truncated,
    ])
    expect((await problemsIn(killed)).toSorted()).toEqual([
      'executions-0001.jsonl.gz is missing',
      'notes.txt does not belong to this archive',
      truncated,
    ])
    rmSync(join(complete, 'manifest.json'))
    expect(await problemsIn(complete)).toEqual(['manifest.json is missing'])
    // From the folder of both.
    expect(await problemsIn(folder)).toContain('killed/notes.txt does not belong to this archive')
  }))

it('a cleanup that fails before it deletes anything leaves no files', () =>
  inFolder(async (folder) => {
    const sink = archiveInFolder(folder, options)
    await sink.open(head)
    await sink.write('audit', chunks('{"audit":{}}\n'))
    await sink.abandon()
    expect(readdirSync(folder)).toEqual([])
    await expect(verifyArchive(folder)).rejects.toMatchObject({ code: 'usage' })
  }))

it('a folder that cannot be created is an error before anything is deleted', () =>
  inFolder(async (folder) => {
    const file = join(folder, 'file')
    writeFileSync(file, '')
    for (const place of [file, join(file, 'deeper')]) {
      await expect(archiveInFolder(place, options).open(head)).rejects.toMatchObject({
        code: 'usage',
        message: `cannot archive in ${place}: it is not a folder`,
      })
    }
    await mkdir(join(folder, FOLDER))
    await expect(archiveInFolder(folder, options).open(head)).rejects.toMatchObject({
      code: 'failed',
      message: `cannot archive in ${folder}: it already has an archive with this name`,
    })
  }))
