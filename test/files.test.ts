import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import {
  chmodSync,
  createReadStream,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { expect, it } from 'vitest'
import { archiveToStream } from '../src/cleanup/archive/write/stream.ts'
import { writeWhole } from '../src/files.ts'
import { isPassage } from '../src/passage.ts'
import { head, options, writeTwoBatches } from './cleanup/archive/support.ts'
import { dataFolder } from './support/folder.ts'

async function* data(content = 'new') {
  yield Buffer.from(content)
}

function fifoIn(folder: string): string {
  const path = join(folder, 'fifo')
  execFileSync('mkfifo', [path])
  return path
}

it('a FIFO gets the data and stays, also if its reader comes later', async () => {
  const folder = dataFolder('fifo')
  const path = fifoIn(folder)
  const written = writeWhole(path, data('x'.repeat(300_000)))
  expect(await text(createReadStream(path))).toBe('x'.repeat(300_000))
  await written
  expect(statSync(path).isFIFO()).toBe(true)
  expect(readdirSync(folder)).toEqual(['fifo'])
})

it('a device is written and stays', async () => {
  const before = statSync('/dev/full')
  // No folder of /dev can be written here, even as root, if the name is a link.
  const link = join(dataFolder('device'), 'link')
  symlinkSync('/dev/full', link)
  await expect(writeWhole(link, data())).rejects.toThrow(/^cannot write .*link: ENOSPC/)
  expect(readlinkSync(link)).toBe('/dev/full')
  expect(statSync('/dev/full')).toMatchObject({ rdev: before.rdev, ino: before.ino })
})

it('of a link the target is replaced or created, and the link stays', async () => {
  const folder = dataFolder('link')
  mkdirSync(join(folder, 'target'))
  writeFileSync(join(folder, 'target/old'), 'old')
  symlinkSync('target/old', join(folder, 'link'))
  symlinkSync('link', join(folder, 'chain'))
  symlinkSync('target/missing', join(folder, 'dangling'))
  await writeWhole(join(folder, 'chain'), data())
  await writeWhole(join(folder, 'dangling'), data('made'))
  expect(readFileSync(join(folder, 'target/old'), 'utf8')).toBe('new')
  expect(readFileSync(join(folder, 'target/missing'), 'utf8')).toBe('made')
  for (const name of ['link', 'chain', 'dangling'])
    expect(lstatSync(join(folder, name)).isSymbolicLink()).toBe(true)
  expect(readdirSync(join(folder, 'target')).sort()).toEqual(['missing', 'old'])
})

it('a circle of links is an error', async () => {
  const path = join(dataFolder('circle'), 'link')
  symlinkSync(path, path)
  await expect(writeWhole(path, data())).rejects.toThrow(/^cannot write .*ELOOP/)
})

it('a file that is replaced keeps its rights, and its content if the data fails', async () => {
  const path = join(dataFolder('rights'), 'file')
  writeFileSync(path, 'old')
  chmodSync(path, 0o600)
  const failing = async function* () {
    yield Buffer.from('half')
    throw new Error('the source failed')
  }
  await expect(writeWhole(path, failing())).rejects.toThrow('the source failed')
  expect(readFileSync(path, 'utf8')).toBe('old')
  await writeWhole(path, data())
  expect(readFileSync(path, 'utf8')).toBe('new')
  expect(statSync(path).mode & 0o777).toBe(0o600)
})

it('an archive in a FIFO is the same as one on stdout', async () => {
  const path = fifoIn(dataFolder('archive'))
  expect(await isPassage(path)).toBe(true)
  const read = text(createReadStream(path))
  const sink = archiveToStream(path, options)
  await writeTwoBatches(sink)
  expect(await sink.finish()).toMatchObject({ place: path, files: [] })
  const lines = (await read).trimEnd().split('\n')
  expect(JSON.parse(lines[0] as string).archive).toMatchObject(head)
  expect(JSON.parse(lines.at(-1) as string)).toHaveProperty('manifest')
})

it('a reader of an archive that leaves early makes the next batch fail', async () => {
  const path = fifoIn(dataFolder('leaves'))
  const reader = createReadStream(path)
  reader.once('data', () => reader.destroy())
  const sink = archiveToStream(path, options)
  await writeTwoBatches(sink).catch(() => {})
  if (!reader.closed) await once(reader, 'close')
  const another = async () => {
    await sink.write('audit', data('{"audit":{"a":4}}\n'))
    await sink.sync()
  }
  await expect(another()).rejects.toThrow(/^cannot write the archive/)
  await sink.abandon()
})
