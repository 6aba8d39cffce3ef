import { readFileSync } from 'node:fs'
import { afterAll, expect, it } from 'vitest'
import { openStore } from '../../src/index.ts'
import { uuidv7 } from '../../src/uuid.ts'
import { type Job, runJob } from './example-engine.ts'
import { createRecording } from './recording.ts'

const recording = await createRecording('engine')
const store = openStore({ databaseUrl: recording.database.url })
afterAll(async () => {
  await store.close()
  await recording.drop()
})

const id = () => uuidv7(Date.now())
const fine = { result: { ok: true }, tokens: { input: 10, output: 5 }, cost: '0.01' }
const jobOf = (...outcomes: number[]): Job => ({
  id: id(),
  workflow: 'example',
  user: 'user_1',
  model: 'gpt-4o',
  // Each task fails this many times before it succeeds.
  tasks: outcomes.map((failures, place) => ({
    stepId: id(),
    name: `task ${place}`,
    tool: 'SEARCH',
    run: async (attempt) => {
      if (attempt < failures) throw new Error('rate limit')
      return fine
    },
  })),
})

it('an engine of under 60 lines records its runs, retries and failures', async () => {
  const lines = readFileSync(new URL('example-engine.ts', import.meta.url), 'utf8').split('\n')
  expect(lines.length).toBeLessThan(60)
  const job = jobOf(0, 1, 2, 3)
  expect(await runJob(store, job)).toBe('partial')
  const execution = { executionId: job.id }
  expect(await recording.runOf(execution)).toEqual({
    status: 'partial',
    cost: '0.03',
    tokens: 45,
    done: 3,
    failed: 1,
  })
  expect(await recording.billsOf(execution)).toMatchObject([{ cost: '0.03', tokens: 45 }])
  expect(await recording.entriesOf(execution)).toEqual([
    'step_end 4',
    'step_retry 5',
    'step_start 4',
    'workflow_end 1',
    'workflow_start 1',
  ])
})

it('the same job run again, by another process, records nothing twice', async () => {
  const job = jobOf(0, 0)
  expect(await runJob(store, job)).toBe('success')
  const before = await recording.everything({ executionId: job.id })
  const other = openStore({ databaseUrl: recording.database.url })
  expect(await runJob(other, job)).toBe('success')
  await other.close()
  expect(await recording.everything({ executionId: job.id })).toEqual(before)
})
