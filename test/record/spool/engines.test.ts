import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { afterEach, describe, expect, it } from 'vitest'
import { spooledRecorder } from '../../../src/record/spool/recorder.ts'
import { OF } from '../recording.ts'
import { ageLocks, canUnshare, type Engine, startEngine } from './engines.ts'
import {
  file,
  folder,
  lines,
  onError,
  open,
  recording,
  shut,
  spooling,
  spools,
  told,
  useSpooling,
} from './spooling.ts'

useSpooling()

const engines: Engine[] = []
const start = async (container = true) => {
  const engine = await startEngine({ container })
  engines.push(engine)
  return engine
}
afterEach(async () => {
  await Promise.all(engines.splice(0).map((engine) => engine.kill()))
})

async function startRuns(engine: Engine, count = 3): Promise<string[]> {
  const ids: string[] = []
  for (let n = 0; n < count; n++) ids.push((await engine.tell('start')) as string)
  return ids
}

/** Each run is there with all that was recorded of it, once, and nothing waits. */
async function expectComplete(ids: readonly string[]) {
  for (const executionId of ids) {
    const of = { executionId }
    expect(await recording.runOf(of)).toMatchObject({ status: 'success', cost: '0.3', done: 1 })
    expect(await recording.billsOf(of)).toMatchObject([{ cost: '0.3' }])
    expect(await recording.entriesOf(of)).toEqual([
      ...['step_end 2', 'step_retry 1', 'step_start 1', 'workflow_end 1', 'workflow_start 1'],
    ])
  }
  expect(readdirSync(folder)).toEqual([])
}

describe.skipIf(!canUnshare)('in containers that share a folder (needs unshare)', () => {
  it('a rolling update loses nothing: two engines with process id 1 record at the same time', async () => {
    shut()
    const [a, b] = [await start(), await start()]
    expect([a.pid, b.pid]).toEqual([1, 1])
    const ids = [...(await startRuns(a)), ...(await startRuns(b)), ...(await startRuns(a))]
    expect(spools()).toHaveLength(2)
    await a.tell('finish')
    // The old one ends while the database is away.
    expect(await a.tell('close')).toContain('unreachable')
    await a.kill()
    await b.tell('finish')
    open()
    await b.tell('close')
    await expectComplete(ids)
  })

  it('the file of a killed container is taken over when its lock is stale, and stops no engine', async () => {
    shut()
    const a = await start()
    const ids = await startRuns(a)
    await a.tell('finish')
    await a.kill()
    open()
    const store = spooling()
    await (await store.startExecution(OF)).finish({ status: 'success' })
    await store.close()
    expect(told).toEqual([])
    expect(lines().length).toBeGreaterThan(ids.length)
    ageLocks()
    await spooling().close()
    await expectComplete(ids)
  })

  it.each(['before', 'after'])(
    'an engine that was stopped until its lock was stale, and continues %s its calls are replayed, loses none',
    async (when) => {
      shut()
      const a = await start()
      const ids = await startRuns(a)
      a.signal('SIGSTOP')
      ageLocks()
      if (when === 'after') open()
      const b = await start()
      if (when === 'after') await b.tell('close')
      shut()
      a.signal('SIGCONT')
      ids.push(...(await startRuns(a)))
      await a.tell('finish')
      open()
      const errors = (await b.tell('close')) as string[]
      expect(errors.filter((code) => code !== 'unreachable')).toEqual([])
      // What it has acknowledged must not be in its memory only.
      await a.kill()
      ageLocks()
      await spooling().close()
      await expectComplete(ids)
    },
  )
})

it('a stopped engine whose file is replayed at the same time records everything once', async () => {
  shut()
  const a = await start(false)
  const ids = await startRuns(a, 10)
  await a.tell('finish')
  // As if the lock was stolen: two processes have the same calls.
  for (const name of readdirSync(folder))
    if (name.endsWith('.lock')) writeFileSync(`${folder}/${name}`, '')
  ageLocks()
  const store = spooling()
  open()
  await Promise.all([store.close(), a.tell('close')])
  await expectComplete(ids)
  expect(told.filter(([code]) => code !== 'unreachable')).toEqual([])
})

it('an engine records at once, also if the locks of its spool are unreadable', async () => {
  shut()
  const dead = await start(false)
  const ids = await startRuns(dead, 1)
  await dead.tell('finish')
  await dead.kill()
  const [spool] = spools() as [string]
  open()
  for (const lock of ['', '{', `${process.ppid}-abcdef`]) {
    writeFileSync(`${spool}.lock`, lock)
    const store = spooling()
    await (await store.startExecution(OF)).finish({ status: 'success' })
    await store.close()
    expect(lines().length).toBeGreaterThan(0)
  }
  expect(told).toEqual([])
  ageLocks()
  await spooling().close()
  await expectComplete(ids)
})

it('an engine takes over the files of ended processes while it runs', async () => {
  const recorder = spooledRecorder(recording.run, { file, onError }, { searchMs: 0 })
  shut()
  const dead = await start(false)
  const ids = await startRuns(dead, 1)
  await dead.tell('finish')
  await dead.kill()
  const [spool] = spools() as [string]
  await recorder.startExecution(OF)
  // It may already be replayed.
  const holder = existsSync(`${spool}.lock`) ? readFileSync(`${spool}.lock`, 'utf8') : undefined
  expect(holder ? JSON.parse(holder).pid : process.pid).toBe(process.pid)
  await recorder.close()
  await expectComplete(ids)
})

it('locks of killed processes whose files are gone are removed', async () => {
  const a = await start(false)
  shut()
  await startRuns(a, 1)
  await a.kill()
  const [spool] = spools() as [string]
  const lock = `${spool}.lock`
  writeFileSync(`${lock}.1-abcdef`, '')
  writeFileSync(`${file}.other.lock`, '')
  open()
  ageLocks()
  await spooling().close()
  expect(readdirSync(folder)).toEqual(['spool.jsonl.other.lock'])
})
