// Applications that install the package, for run.js.

/** An application in TypeScript: records a run and reads it back. Compiled as ESM and as CommonJS, and run. */
export const application = `
import { createHandler, type Execution, openStore, type Store, WfstoreError, workflowStore } from 'wfstore'

async function record(store: Store): Promise<Execution> {
  const run = await store.startExecution({
    workflowName: 'package test', userId: 'user_package', mode: 'Sales', modelId: 'gpt-4o',
  })
  const step = await run.startStep({ stepNumber: 1, stepName: 'look up', toolName: 'search' })
  await step.finish({ status: 'success', tokens: { input: 60, output: 40 }, cost: '0.0123' })
  await run.finish({ status: 'success' })
  const { rows } = await store.executions.list({ userId: 'user_package', limit: 1 })
  const row = rows[0]
  if (!row) throw new Error('the run is not in the list')
  return row
}

/** Asks the handler as a server does. */
async function serve(store: Store): Promise<number> {
  const handler = createHandler({
    store,
    basePath: '/wfstore',
    authorize: (request) => request.headers.has('cookie') ? { name: 'maria', can: 'read' } : undefined,
  })
  const answer: Response = await handler(new Request('http://localhost/wfstore/readyz'))
  return answer.status
}

async function main(): Promise<void> {
  const store = openStore({ databaseUrl: process.env['DATABASE_URL'] ?? '' })
  const { executionId, status, totalCost } = await record(store)
  const cost: string = totalCost
  const again = await workflowStore.executions.get(executionId)
  const refused = await store.executions.get('00000000-0000-7000-8000-000000000000').catch((error: unknown) => error)
  const code = refused instanceof WfstoreError ? refused.code : refused
  const answered = await serve(store)
  await Promise.all([store.close(), workflowStore.close()])
  console.log(status, cost, again.steps.length, code, answered)
}

void main()
`
export const applicationPrints = 'success 0.0123 1 not_found 200\n'

/** Only the shape of a pool counts: an application needs no @types/pg, and can have any version. */
export const pools = `
import { openStore } from 'wfstore'
import type pg from 'pg'

export const stores = (pool: pg.Pool, client: pg.Client, one: pg.PoolClient) => [
  openStore({ pool }), openStore({ pool: client }), openStore({ pool: one }),
]
// @ts-expect-error a pool is no number
export const wrong = openStore({ pool: 1 })
`

export const compilerOptions = {
  strict: true,
  skipLibCheck: false,
  exactOptionalPropertyTypes: true,
  target: 'es2022',
  // A server has no DOM: Request and Response are those of Node.
  lib: ['es2022'],
  outDir: 'out',
  types: ['node'],
}
/** Each way in which TypeScript resolves a package, with a major version of TypeScript. */
export const projects = [
  { name: 'esm-nodenext', type: 'module', typescript: 7, options: { module: 'nodenext' } },
  { name: 'esm-node16', type: 'module', typescript: 5, options: { module: 'node16' } },
  {
    name: 'esm-bundler',
    type: 'module',
    typescript: 7,
    options: { module: 'esnext', moduleResolution: 'bundler', lib: ['es2022', 'dom'] },
  },
  { name: 'cjs-nodenext', type: 'commonjs', typescript: 7, options: { module: 'nodenext' } },
  { name: 'cjs-node20', type: 'commonjs', typescript: 5, options: { module: 'node20' } },
  {
    name: 'cjs-node10',
    type: 'commonjs',
    typescript: 5,
    options: { module: 'commonjs', moduleResolution: 'node10' },
  },
]

/** The library in JavaScript: `import` and `require` give the same module. */
export const imports = `
import { createRequire } from 'node:module'
import * as esm from 'wfstore'

const cjs = createRequire(import.meta.url)('wfstore')
const names = Object.keys(esm).sort().join()
console.log(names, names === Object.keys(cjs).sort().join(), cjs.openStore === esm.openStore)
`
export const importsPrint =
  'WfstoreError,archiveInFolder,archiveToStream,createHandler,executionIdOf,nodeListener,openStore,tokensFrom,workflowStore true true\n'

/** An application that traces its own pg: the hook sees the queries of wfstore too. */
export const tracing = `
import pg from 'pg'
import { openStore } from 'wfstore'

const seen = []
const { query } = pg.Client.prototype
pg.Client.prototype.query = function (...args) {
  seen.push(args[0].text ?? args[0])
  return query.apply(this, args)
}
const store = openStore({ databaseUrl: process.env.DATABASE_URL })
await store.executions.list({ limit: 1 })
await store.close()
console.log(seen.some((text) => /from workflow_executions/.test(text)))
`
