import pg from 'pg'
import { query } from '../../../src/db/query/query.ts'
import { openBatch } from '../../../src/record/batch/batch.ts'
import { uuidv7 } from '../../../src/uuid.ts'
import { onLayout } from '../../support/on-layout.ts'

/**
 * An engine that writes until it is killed: it prints the id of each row once it is acknowledged. With 'once' it gives one row
 * to its run and waits for nothing.
 */
const [url, mode, ...runs] = process.argv.slice(2)
const pool = new pg.Pool({ connectionString: url, max: 4, allowExitOnIdle: true })
const batch = openBatch(
  onLayout((statement, shape) => query(pool, statement, shape)),
  {
    maxRows: 20,
    flushMs: mode === 'once' ? 200 : 5,
  },
)

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

if (mode === 'once') void batch.audit({ executionId: runs[0] as string, action: 'note' })
else void produce()
