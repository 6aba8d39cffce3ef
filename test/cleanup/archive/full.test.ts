import { execFileSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { afterEach, expect, it, vi } from 'vitest'
import { verifyArchive } from '../../../src/cleanup/archive/verify/verify.ts'
import { archiveInFolder } from '../../../src/cleanup/archive/write/folder.ts'
import { withSpooled } from '../../../src/cleanup/restore/spool.ts'
import { dataFolder } from '../../support/folder.ts'
import { chunks, FOLDER, inFolder, options, writeTwoBatches } from './support.ts'

/** Limits the size of each file of this process, like a full disk: the error is EFBIG instead of ENOSPC. */
const limitFiles = (bytes: number | 'unlimited') =>
  execFileSync('prlimit', ['--pid', String(process.pid), `--fsize=${bytes}:unlimited`])

const canLimit = process.platform === 'linux'

afterEach(() => {
  vi.unstubAllEnvs()
  if (canLimit) limitFiles('unlimited')
})

it.runIf(canLimit)(
  'a full disk fails only its batch; the error names the file and what to do',
  () =>
    inFolder(async (folder) => {
      const sink = archiveInFolder(folder, options)
      await writeTwoBatches(sink)
      const large = () => chunks(`{"audit":{"a":"${randomBytes(300_000).toString('base64')}"}}\n`)
      limitFiles(100_000)
      const file = join(folder, FOLDER, 'audit-0001.jsonl.gz')
      await expect(sink.write('audit', large())).rejects.toMatchObject({
        code: 'failed',
        message: expect.stringMatching(new RegExp(`^cannot write the archive ${file}: EFBIG`)),
        hint: expect.stringContaining('free disk space'),
      })
      await expect(sink.sync()).rejects.toMatchObject({ code: 'failed' })
      await sink.rollback()
      expect(await verifyArchive(folder)).toMatchObject({ problems: [], lines: { audit: 3 } })
      expect((await verifyArchive(folder)).archives[0]).toMatchObject({ ignoredBytes: 0 })
      limitFiles('unlimited')
      // Smaller than the part that was written before the disk was full.
      await sink.write('audit', chunks('{"audit":{}}\n'))
      await sink.sync()
      await sink.finish()
      expect(await verifyArchive(folder)).toMatchObject({
        complete: true,
        problems: [],
        lines: { audit: 4 },
      })
    }),
)

it.runIf(canLimit)('a journal that does not fit on the disk fails its batch', () =>
  inFolder(async (folder) => {
    const sink = archiveInFolder(folder, options)
    await writeTwoBatches(sink)
    await sink.write('audit', chunks('{"audit":{}}\n'))
    limitFiles(900)
    await expect(sink.sync()).rejects.toMatchObject({
      message: expect.stringContaining('segments.jsonl'),
    })
    limitFiles('unlimited')
    await sink.abandon()
    expect(await verifyArchive(folder)).toMatchObject({
      complete: false,
      problems: [],
      lines: { audit: 3 },
    })
  }),
)

it.runIf(canLimit)(
  'a restore from stdin that does not fit on the disk says that nothing was restored, and leaves no file',
  async () => {
    const temporary = dataFolder('temporary')
    vi.stubEnv('TMPDIR', temporary)
    limitFiles(100_000)
    const work = vi.fn()
    await expect(
      withSpooled(Readable.from([randomBytes(300_000)]), undefined, work),
    ).rejects.toMatchObject({
      code: 'failed',
      message: expect.stringMatching(/^cannot keep standard input in .*: EFBIG/),
      hint: expect.stringMatching(/^nothing was restored; free disk space/),
    })
    expect(work).not.toHaveBeenCalled()
    expect(readdirSync(temporary)).toEqual([])
    vi.stubEnv('TMPDIR', join(temporary, 'missing'))
    await expect(withSpooled(Readable.from([]), undefined, work)).rejects.toMatchObject({
      hint: expect.stringMatching(/^nothing was restored/),
    })
  },
)
