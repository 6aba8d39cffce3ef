import { gzipSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import { uncompressed } from '../../../src/transfer/lines/gzip.ts'

const MIB = 1024 * 1024

async function* cut(bytes: Buffer, size: number) {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size)
}

async function read(source: AsyncIterable<Buffer>): Promise<string> {
  let text = ''
  for await (const chunk of uncompressed(source)) text += chunk
  return text
}

const one = gzipSync('one\n')
const two = gzipSync('two\n')

describe.each([1, 7, MIB])('compressed data in chunks of %i bytes', (size) => {
  const of = (...parts: Buffer[]) => read(cut(Buffer.concat(parts), size))

  it('has all of its members, and zeros may follow them', async () => {
    expect(await of(one, two)).toBe('one\ntwo\n')
    expect(await of(one, two, Buffer.alloc(3000))).toBe('one\ntwo\n')
  })

  it('is refused if other data follows its end, also after zeros', async () => {
    await expect(of(one, Buffer.from('junk'))).rejects.toThrow('incorrect header check')
    for (const zeros of [1, 20, 3000])
      for (const rest of [two, Buffer.from('junk')])
        await expect(of(one, Buffer.alloc(zeros), rest)).rejects.toThrow(
          'other data follows the compressed data',
        )
  })

  it('is refused if it ends too early, at every place', async () => {
    for (let lost = 1; lost < two.length; lost++)
      await expect(of(one, two.subarray(0, -lost))).rejects.toThrow('unexpected end of file')
  })
})

it('compressed data that expands to more than 250 times its size is refused before much of it is read', async () => {
  const zeros = gzipSync(Buffer.alloc(16 * MIB))
  let given = 0
  async function* endless() {
    for (;;) {
      given++
      yield zeros
    }
  }
  const reading = async () => {
    for await (const _ of uncompressed(endless()));
  }
  await expect(reading()).rejects.toMatchObject({
    code: 'Z_EXPANSION',
    message: expect.stringMatching(/^it expands to more than 250 times its size; /),
  })
  expect(given).toBeLessThan(8)
})

it('the archive of a cleanup never expands so far: it is compressed in blocks at the fastest level', () => {
  for (const content of ['\0', ' ', '{"a":null,"b":null}'])
    expect(MIB / gzipSync(Buffer.alloc(MIB, content), { level: 1 }).length).toBeLessThan(250)
})

it('a source that fails is the error of its reader', async () => {
  async function* failing() {
    yield one.subarray(0, 12)
    throw new Error('the disk failed')
  }
  await expect(read(failing())).rejects.toThrow('the disk failed')
})

it('a reader that stops early stops the source', async () => {
  let stopped = false
  async function* source() {
    try {
      for (;;) yield gzipSync(Buffer.alloc(MIB, 'x'))
    } finally {
      stopped = true
    }
  }
  for await (const _ of uncompressed(source())) break
  await expect.poll(() => stopped).toBe(true)
})
