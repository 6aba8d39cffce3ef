import { describe, expect, it } from 'vitest'
import { hasMoreParts, repeatedKey } from '../../../src/transfer/lines/keys.ts'
import { type Line, readLines } from '../../../src/transfer/lines/read.ts'

const MIB = 1024 * 1024

async function linesOf(chunks: Iterable<Buffer>, longest?: number): Promise<Line[]> {
  async function* source() {
    yield* chunks
  }
  const lines: Line[] = []
  for await (const some of readLines(source(), longest)) lines.push(...some)
  return lines
}

describe('a line', () => {
  it('without an end is read without being kept, and the lines after it have their numbers', async () => {
    function* chunks() {
      yield Buffer.from('\n\na\n')
      for (let n = 0; n < 2048; n++) yield Buffer.alloc(MIB, 'x')
      yield Buffer.from('\n\r\n\nb')
    }
    const before = process.memoryUsage().arrayBuffers
    expect(await linesOf(chunks(), 1)).toEqual([
      { number: 3, text: 'a' },
      { number: 4, reason: 'is longer than 1 MiB; --max-line raises the limit' },
      { number: 7, text: 'b' },
    ])
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(512 * MIB)
  })

  it('may be as long as the limit', async () => {
    const bytes = [Buffer.alloc(MIB - 1, 'x'), Buffer.from('x\n'), Buffer.alloc(MIB + 1, 'y')]
    const lines = await linesOf(bytes, 1)
    expect(lines.map(({ text, reason }) => text?.length ?? reason)).toEqual([
      MIB,
      'is longer than 1 MiB; --max-line raises the limit',
    ])
  })

  it('has a limit of arrays, objects and keys, because JSON.parse needs memory for each', async () => {
    const reason = 'has more than 131072 arrays, objects and keys; --max-line raises the limit'
    for (const part of ['[', '{}', '{"":', '"\\"":']) {
      const text = part.repeat((1.5 * MIB) / part.length)
      expect(await linesOf([Buffer.from(text)], 2), part).toEqual([{ number: 1, reason }])
    }
    const text = `"${'[{:,'.repeat(MIB / 4)}"`
    expect((await linesOf([Buffer.from(text)], 2))[0]?.text).toBe(text)
  })
})

it('arrays, objects and keys are counted outside of strings, also where the text is not JSON', () => {
  expect(hasMoreParts('{"a":[1,"[{:\\"",{}]}', 4)).toBe(false)
  expect(hasMoreParts('{"a":[1,"[{:\\"",{}]}', 3)).toBe(true)
  expect(hasMoreParts('["[[[[', 1)).toBe(false)
})

describe('a key that an object has twice is found', () => {
  const cases: [string, string | undefined][] = [
    ['{"a":1,"b":{"a":1},"c":[{"a":1},{"a":1}]}', undefined],
    ['{"a":":","b":"x\\":","c":": : "}', undefined],
    ['{"a" : 1, "b"\t:2}', undefined],
    ['{"__proto__":1,"constructor":2,"toString":{"__proto__":3}}', undefined],
    ['{"1":1,"01":1}', undefined],
    ['{"a":1,"a":2}', 'a'],
    ['{"a":1,"a" :1,"b":":"}', 'a'],
    ['{"a":1,"\\u0061":2}', 'a'],
    ['{"x":[[{"a":":"}],{"b":1,"c":{},"b":[]}]}', 'b'],
    ['{"__proto__":1,"__proto__":2}', '__proto__'],
    ['{"":1,"":2}', ''],
  ]
  it.each(cases)('%s', (text, key) => {
    expect(repeatedKey(text, JSON.parse(text))).toBe(key)
  })

  it('at any depth', () => {
    const text = `${'{"k":['.repeat(200_000)}{"a":1,"a":2}${']}'.repeat(200_000)}`
    expect(repeatedKey(text, JSON.parse(text))).toBe('a')
  })
})
