// @module-tag slow
import { copyFileSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { createMigrated } from '../support/migrated.ts'
import { runApplication } from './child.ts'
import { openDoor } from './door.ts'
import { startModelServer } from './model-server.ts'
import { installTraceloop } from './traceloop.ts'
import { storedSums, sumsOf } from './truth.ts'

it('a run of Traceloop that throws sends no root: it is billed as failed when it is abandoned', async () => {
  const packages = await installTraceloop()
  const database = await createMigrated('traceloop')
  const models = await startModelServer()
  const folder = mkdtempSync(join(tmpdir(), 'wfstore-traceloop-'))
  copyFileSync(join(import.meta.dirname, 'agents/traceloop.mjs'), join(folder, 'app.mjs'))
  symlinkSync(packages, join(folder, 'node_modules'))
  const door = await openDoor(database)
  await runApplication(['app.mjs'], { models: models.url, otlp: door.url }, { cwd: folder })
  await door.settle()
  expect(await storedSums(database)).toEqual(
    sumsOf(models.log, { notSent: ['cacheRead', 'reasoning'] }),
  )
  const runs = `select e.workflow_name, e.user_id, e.status, e.error_message, b.cost = e.total_cost as billed
    from workflow_executions e join billing_records b using (execution_id)`
  expect(await database.sql(runs)).toEqual([
    {
      workflow_name: 'weather-report',
      user_id: 'user-7',
      status: 'failed',
      error_message: 'its root span did not arrive',
      billed: true,
    },
  ])
  await models.stop()
  await database.drop()
  rmSync(folder, { recursive: true })
})
