import { mkdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { expect, it } from 'vitest'
import { type Head, seal, sha256 } from '../../../src/cleanup/archive/form.ts'
import { verifyArchive } from '../../../src/cleanup/archive/verify/verify.ts'
import { archiveInFolder } from '../../../src/cleanup/archive/write/folder.ts'
import { FOLDER, head, inFolder, options, writeTwoBatches } from './support.ts'

const MIB = 1024 * 1024
const beginning = `${seal({ archive: { form: 1, wfstore: '1.2.3', ...head } })}\n`
/** Zeros that take 200 kB. */
const bomb = () => gzipSync(Buffer.alloc(200 * MIB))

const problemsOf = async (path: string) =>
  (await verifyArchive(path)).problems.map(({ file, problem }) => `${file} ${problem}`)

const REFUSED =
  'cannot be uncompressed: it expands to more than 250 times its size; if it is yours, uncompress it with gunzip first'

it('a stream that expands to much more than an archive can is refused', () =>
  inFolder(async (folder) => {
    const path = join(folder, 'bomb.gz')
    writeFileSync(path, Buffer.concat([gzipSync(`${beginning}{"step":"`), bomb()]))
    expect(await problemsOf(path)).toEqual([`bomb.gz ${REFUSED}`])
  }))

it('a folder with a file that expands so far is refused, even if its checksums are right', () =>
  inFolder(async (folder) => {
    const sink = archiveInFolder(folder, options)
    await writeTwoBatches(sink)
    await sink.finish()
    const place = join(folder, FOLDER)
    const data = bomb()
    const name = 'steps-0001.jsonl.gz'
    writeFileSync(join(place, name), data)
    const path = join(place, 'manifest.json')
    const { seal: _, ...manifest } = JSON.parse(readFileSync(path, 'utf8'))
    const forged = {
      ...(manifest as Head),
      files: manifest.files.map((file: { name: string }) =>
        file.name === name ? { ...file, bytes: data.length, sha256: sha256(data) } : file,
      ),
    }
    writeFileSync(path, `${seal(forged, 2)}\n`)
    expect(await problemsOf(place)).toEqual([`${name} ${REFUSED}`])
  }))

it('a row of a gigabyte without an end is read without being kept', () =>
  inFolder(async (folder) => {
    const path = join(folder, 'long')
    writeFileSync(path, `${beginning}{"step":"`)
    truncateSync(path, 1024 * MIB)
    const before = process.memoryUsage().arrayBuffers
    expect((await verifyArchive(path)).archives[0]).toMatchObject({
      complete: false,
      problems: [],
      bytes: beginning.length,
    })
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(256 * MIB)
  }))

it('a mark and a manifest that do not end are refused before they fill the memory', () =>
  inFolder(async (folder) => {
    const path = join(folder, 'mark')
    writeFileSync(path, `${beginning}{"sync":"`)
    truncateSync(path, 1024 * MIB)
    expect(await problemsOf(path)).toEqual(['mark is damaged in line 2'])
    for (const name of ['manifest.json', 'segments.jsonl']) {
      const place = join(folder, name.slice(0, 8))
      mkdirSync(place)
      writeFileSync(join(place, name), '{')
      truncateSync(join(place, name), 3 * 1024 * MIB)
      expect(await problemsOf(place)).toEqual([`${name} is larger than 128 MiB`])
    }
  }))
