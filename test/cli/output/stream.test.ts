import { spawn } from 'node:child_process'
import { Writable } from 'node:stream'
import { finished } from 'node:stream/promises'
import { describe, expect, it } from 'vitest'
import type { Column } from '../../../src/cli/output/column.ts'
import type { Format } from '../../../src/cli/output/format.ts'
import { ClosedPipe, guardStream } from '../../../src/cli/output/stream.ts'
import type { OutputOptions } from '../../../src/cli/output/writer.ts'
import { WfstoreError } from '../../../src/error.ts'
import { print } from './sample.ts'

const columns: Column<number>[] = [
  { name: 'number', kind: 'count', value: (row) => row },
  { name: 'text', kind: 'text', value: () => 'x'.repeat(90) },
]

interface Source {
  rows: AsyncGenerator<number>
  pulled: number
  /** Whether the iteration of the rows was ended, so a cursor can be closed. */
  closed: boolean
}

function source(count = Number.POSITIVE_INFINITY): Source {
  const made: Source = { rows: generate(), pulled: 0, closed: false }
  async function* generate() {
    try {
      for (let row = 0; row < count; row++) {
        made.pulled++
        yield row
      }
    } finally {
      made.closed = true
    }
  }
  return made
}

/** Fails from the second write on, as a stream does whose other end has gone or is full. */
function failing(code: string): Writable {
  let writes = 0
  return new Writable({
    write(_chunk, _encoding, done) {
      writes++
      setImmediate(() =>
        done(writes > 1 ? Object.assign(new Error(`write ${code}`), { code }) : null),
      )
    },
  })
}

const list = (options: Partial<OutputOptions>, from: Source) =>
  print(options, (writer) => writer.list(columns, from.rows))

const streamed: [string, Format][] = [
  ['TSV', 'table'],
  ['json', 'json'],
  ['jsonl', 'jsonl'],
  ['csv', 'csv'],
]

it.each(streamed)('%s: rows are read no faster than they are written', async (_, format) => {
  const from = source(20_000)
  let taken = 0
  let furthest = 0
  const stdout = new Writable({
    write(chunk, _encoding, done) {
      taken += String(chunk).split('x'.repeat(90)).length - 1
      furthest = Math.max(furthest, from.pulled - taken)
      setImmediate(done)
    },
  })
  await list({ format, stdout }, from)
  expect(from.pulled).toBe(20_000)
  expect(taken).toBe(20_000)
  expect(furthest).toBeLessThan(1000)
})

describe.each(streamed)('%s', (_, format) => {
  it('a closed pipe ends the rows', async () => {
    const from = source()
    await expect(list({ format, stdout: failing('EPIPE') }, from)).rejects.toBeInstanceOf(
      ClosedPipe,
    )
    expect(from.closed).toBe(true)
    expect(from.pulled).toBeLessThan(2000)
  })

  it('a full disk is an error', async () => {
    const from = source()
    const error = await list({ format, stdout: failing('ENOSPC') }, from).catch((reason) => reason)
    expect(error).toBeInstanceOf(WfstoreError)
    expect(error).toMatchObject({ code: 'failed', message: 'cannot write to stdout: write ENOSPC' })
    expect(from.closed).toBe(true)
  })
})

it('a failure of the last write is reported before the command ends', async () => {
  for (const use of ['text', 'list'] as const) {
    const stdout = failing('ENOSPC')
    await print({ stdout }, (writer) => writer.text('the write that succeeds'))
    const written = print({ stdout }, (writer) =>
      use === 'text' ? writer.text('short') : writer.list(columns, source(2).rows),
    )
    await expect(written).rejects.toThrow('cannot write to stdout: write ENOSPC')
  }
})

it('an error between two writes is the reason of the next failure', async () => {
  const stdout = new Writable({ write: (_chunk, _encoding, done) => done() })
  await print({ stdout }, async (writer) => {
    await writer.text('before')
    stdout.destroy(new Error('the disk is gone'))
    await finished(stdout).catch(() => {})
    await expect(writer.text('after')).rejects.toThrow('cannot write to stdout: the disk is gone')
  })
})

it('a reader that closes a real pipe is a closed pipe', async () => {
  const reader = spawn(
    process.execPath,
    ['-e', "process.stdin.once('data', () => process.exit())"],
    {
      stdio: ['pipe', 'ignore', 'ignore'],
    },
  )
  const from = source()
  await expect(list({ stdout: reader.stdin }, from)).rejects.toBeInstanceOf(ClosedPipe)
  expect(from.closed).toBe(true)
})

it('a closed stderr stops nothing', async () => {
  const stderr = failing('EPIPE')
  const { stdout } = await print({ stderr }, async (writer) => {
    for (let said = 0; said < 3; said++) writer.note('said')
    await writer.text('data')
    await finished(stderr).catch(() => {})
    writer.note('said')
  })
  expect(stdout).toBe('data\n')
})

it('nothing is written if the first row fails', async () => {
  let stdout = ''
  const collecting = new Writable({
    write(chunk, _encoding, done) {
      stdout += String(chunk)
      done()
    },
  })
  // biome-ignore lint/correctness/useYield: it fails before it has a row
  async function* failed(): AsyncGenerator<number> {
    throw new Error('no connection')
  }
  for (const [, format] of streamed) {
    const written = print({ format, stdout: collecting }, (writer) =>
      writer.list(columns, failed()),
    )
    await expect(written).rejects.toThrow('no connection')
  }
  expect(stdout).toBe('')
})

it('a stream is guarded once, also after repeated calls', () => {
  const stream = failing('EPIPE')
  expect(guardStream(stream)).toBe(guardStream(stream))
  expect(stream.listenerCount('error')).toBe(1)
})
