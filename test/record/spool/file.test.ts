import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  appendFileSync,
  chownSync,
  copyFileSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { basename, join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { expect, it } from 'vitest'
import type { WfstoreError } from '../../../src/error.ts'
import { openStore } from '../../../src/index.ts'
import { openSpool } from '../../../src/record/spool/queue.ts'
import { spooledRecorder } from '../../../src/record/spool/recorder.ts'
import { OF } from '../recording.ts'
import {
  file,
  folder,
  forget,
  lines,
  open,
  recording,
  shut,
  spooling,
  spools,
  told,
  url,
  useSpooling,
} from './spooling.ts'

useSpooling()

const library = pathToFileURL(join(import.meta.dirname, '../../../dist/index.js')).href

it('a full spool drops new calls, reports it, and stays intact', async () => {
  shut()
  const full: string[] = []
  const spool = {
    ...{ file, maxBytes: 600 },
    onError: (error: WfstoreError) => {
      full.push(error.message)
      throw new Error('of the callback')
    },
  }
  const store = openStore({ databaseUrl: url, spool })
  const run = await store.startExecution(OF)
  await run.decision({ details: 'x'.repeat(600) })
  expect(full.at(-1)).toMatch(/^the spool is full/)
  await run.finish({ status: 'success' })
  expect(lines()).toHaveLength(2)
  open()
  await store.close()
  expect(await recording.runOf(run)).toMatchObject({ status: 'success' })
})

it('close resolves while the database is away, and leaves the file to the next store', async () => {
  shut()
  const store = spooling()
  const run = await store.startExecution(OF)
  await Promise.all([store.close(), store.close()])
  expect(lines()).toHaveLength(1)
  const [spool] = spools() as [string]
  expect(readdirSync(folder)).toEqual([basename(spool)])
  // A torn line, as of a process that was killed, and one that a disk has lost.
  writeFileSync(spool, `\0\0\0\n${readFileSync(spool, 'utf8')}`)
  appendFileSync(spool, '{"kind":"finish","executionId":"')
  open()
  forget()
  await run.decision({ details: 'a closed store, used again' })
  await store.close()
  expect(told.filter(([, kind]) => kind === null)).toEqual([['failed', null]])
  expect(lines()).toEqual([])
  expect(await recording.entriesOf(run)).toEqual(['ai_decision 1', 'workflow_start 1'])
})

it('the next process takes over the file of a killed one; live ones have a file each', async () => {
  const code = `
    import { openStore } from ${JSON.stringify(library)}
    const spool = { file: ${JSON.stringify(file)}, onError: () => {} }
    const store = openStore({ databaseUrl: 'postgresql://u@127.0.0.1:1/none', spool })
    const run = await store.startExecution(${JSON.stringify(OF)})
    await run.finish({ status: 'success' })
    console.log(run.executionId)
    setInterval(() => {}, 1000)`
  const child = spawn(process.execPath, ['--input-type=module', '-e', code])
  const [executionId] = (await once(child.stdout, 'data')).map((data) => String(data).trim())
  await spooling().close()
  expect(lines()).toHaveLength(2)
  child.kill('SIGKILL')
  await once(child, 'close')
  const stores = [spooling(), spooling()]
  const runs = await Promise.all(stores.map((store) => store.startExecution(OF)))
  await Promise.all(stores.map((store) => store.close()))
  for (const run of runs) expect(await recording.runOf(run)).toMatchObject({ status: 'running' })
  expect(readdirSync(folder)).toEqual([])
  expect(await recording.runOf({ executionId: executionId as string })).toMatchObject({
    status: 'success',
  })
})

it('an open spool keeps no process alive, and a file that cannot be opened is refused at once', async () => {
  const code = `
    import { openStore } from ${JSON.stringify(library)}
    const spool = { file: ${JSON.stringify(file)}, onError: () => {} }
    const store = openStore({ databaseUrl: 'postgresql://u@127.0.0.1:1/none', spool })
    await store.startExecution(${JSON.stringify(OF)})`
  const child = spawn(process.execPath, ['--input-type=module', '-e', code])
  expect(await once(child, 'close')).toEqual([0, null])
  const nowhere = join(folder, 'none', 'spool.jsonl')
  expect(() => spooling({ file: nowhere })).toThrow('cannot be opened')
  expect(() => spooling({ file: folder })).toThrow('it is not a file')
})

it('what another user has put into the folder is reported once, is not recorded, and stops nothing', async () => {
  const spoolOf = (n: number) => `${file}.00000000-0000-7000-8000-00000000000${n}`
  const call = { kind: 'startExecution', at: '2024-05-01T10:00:00Z', options: OF }
  writeFileSync(join(folder, 'target'), `${JSON.stringify(call)}\n`)
  mkdirSync(spoolOf(1))
  symlinkSync(join(folder, 'target'), spoolOf(2))
  execFileSync('mkfifo', [spoolOf(3), `${spoolOf(4)}.lock`])
  copyFileSync(join(folder, 'target'), spoolOf(4))
  // Only root can give a file away.
  if (process.getuid?.() === 0) {
    copyFileSync(join(folder, 'target'), spoolOf(5))
    chownSync(spoolOf(5), 65534, 65534)
  }
  const messages: string[] = []
  const spool = { file, onError: (error: WfstoreError) => messages.push(error.message) }
  const recorder = spooledRecorder(recording.run, spool, { searchMs: 0 })
  const run = await recorder.startExecution(OF)
  await run.finish({ status: 'success' })
  await recorder.close()
  expect(await recording.runOf(run)).toMatchObject({ status: 'success' })
  expect(
    messages.map((message) => message.replace(/^.*cannot be used: /, '').split(',')[0]),
  ).toEqual([
    'it is not a file',
    'ELOOP: too many symbolic links encountered',
    'it is not a file',
    ...(process.getuid?.() === 0 ? ['it belongs to another user'] : []),
  ])
  expect(readdirSync(folder).filter((name) => name.endsWith('.lock'))).toEqual([
    `${basename(spoolOf(4))}.lock`,
  ])
})

it('lines of any length are read as they were written, also after a rewrite', () => {
  const spool = openSpool(file, 100_000)
  const given = [10, 5000, 1, 20_000, 4095, 4096].map((length, n) => String(n).repeat(length))
  for (const line of given) expect(spool.append(line)).toBe(true)
  expect(spool.append('x'.repeat(100_000))).toBe(false)
  expect(spool.peek()).toBe(given[0])
  spool.drop()
  spool.compact(['head', 'ä'])
  spool.append('last')
  spool.close()
  const again = openSpool(file, 100_000)
  expect(again.takeOver()).toEqual([])
  const found: string[] = []
  for (let line = again.peek(); line !== null; line = again.peek()) {
    found.push(line)
    again.drop()
  }
  expect(found).toEqual(['head', 'ä', ...given.slice(1), 'last'])
  expect(readdirSync(folder)).toEqual([])
})
