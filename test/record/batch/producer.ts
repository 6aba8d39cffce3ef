import pg from 'pg'
import { query } from '../../../src/db/query/query.ts'
import { openBatch } from '../../../src/record/batch/batch.ts'
import { uuidv7 } from '../../../src/uuid.ts'

/**
 * An engine that writes until it is killed: it prints the id of each row once it is acknowledged. With no runs it
 * gives one row, waits for nothing and ends.
 */
const [url, ...runs] = process.argv.slice(2)
const pool = new pg.Pool({ connectionString: url, max: 4 })
const batch = openBatch((statement, shape) => query(pool, statement, shape), {
  maxRows: 20,
  flushMs: runs.length === 0 ? 3_600_000 : 5,
})

async function produce(): Promise<void> {
  for (let n = 0; ; n++) {
    const executionId = runs[n % runs.length] as string
    const id = uuidv7(Date.now())
    const done =
      n % 3 === 0
        ? batch.step({
            ...{ executionId, stepId: id, stepNumber: n, stepName: `step ${n}` },
            ...{ status: 'success', cost: '0.000001', tokens: { input: 1 } },
          })
        : batch.audit({ executionId, logId: id, action: 'note', details: `note ${n}` })
    const printed = done.then(() => process.stdout.write(`${id}\n`))
    if (n % 50 === 49) await printed
  }
}

if (runs.length > 0) void produce()
else void batch.audit({ executionId: uuidv7(0), action: 'note' })
