import type { Tokens } from '../../src/queries/table/validate.ts'
import type { Store } from '../../src/store/types.ts'

export interface Task {
  stepId: string
  name: string
  tool?: string
  run: (attempt: number) => Promise<{ result: unknown; tokens: Tokens; cost: string }>
}

export interface Job {
  id: string
  workflow: string
  user: string
  model: string
  tasks: Task[]
}

const ATTEMPTS = 3
const HEARTBEAT_MS = 30_000

/**
 * A whole engine: its tasks run concurrently, each has three attempts, and a restarted job continues in any process.
 * Every id comes from the job, so nothing is recorded twice.
 */
export async function runJob(store: Store, job: Job): Promise<'success' | 'partial' | 'failed'> {
  const execution = await store.startExecution({
    executionId: job.id,
    workflowName: job.workflow,
    userId: job.user,
    mode: 'autonomous',
    modelId: job.model,
    stepsTotal: job.tasks.length,
  })
  const beat = setInterval(() => void execution.heartbeat().catch(() => {}), HEARTBEAT_MS).unref()
  const done = await Promise.all(
    job.tasks.map(async ({ stepId, name, tool, run }, place) => {
      const of = { stepId, stepNumber: place + 1, stepName: name, ...(tool && { toolName: tool }) }
      const step = await execution.startStep(of)
      for (;;) {
        try {
          await step.finish({ status: 'success', ...(await run(step.attempt)) })
          return true
        } catch (error) {
          const errorMessage = String((error as Error).message)
          if (step.attempt + 1 < ATTEMPTS) await step.retry({ errorMessage })
          else return step.finish({ status: 'failed', errorMessage }).then(() => false)
        }
      }
    }),
  )
  clearInterval(beat)
  const status = done.every(Boolean) ? 'success' : done.some(Boolean) ? 'partial' : 'failed'
  await execution.finish({ status })
  return status
}
