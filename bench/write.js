// Rows per second of the recorder, the batch writer, import and export, compared with minimal statements for the same rows.
import { inOwnDatabase } from './database.js'
import { batchEntries, batchSteps } from './write-batch.js'
import { finishes, pricedFinishes, wholeRuns } from './write-recorder.js'
import { exports, fill, imports, memoryOfImports, restores } from './write-transfer.js'

/** A test uses a store with few runs and gets smaller sizes. */
const sizesOf = (runs) => ({
  /** The rows in the tables before the measurement. Imports begin with empty tables. */
  standing: Math.min(160_000, 4 * runs),
  entries: Math.min(10_000, 2 * runs),
  steps: Math.min(5_000, runs),
  finishes: Math.min(300, Math.ceil(runs / 10)),
  wholeRuns: Math.min(100, Math.ceil(runs / 10)),
  lines: Math.min(20_000, 2 * runs),
})

export const measure = (outer) =>
  inOwnDatabase(outer, 'bench_write', async (database) => {
    const bench = { ...database, sizes: sizesOf(outer.runs) }
    await fill(bench, bench.sizes.standing)
    await bench.client.query('vacuum analyze')
    const results = []
    for (const part of [
      batchEntries,
      batchSteps,
      finishes,
      pricedFinishes,
      wholeRuns,
      imports,
      restores,
      exports,
    ]) {
      results.push(...(await part(bench)))
    }
    if (outer.memory) results.push(await memoryOfImports(bench))
    return results
  })
