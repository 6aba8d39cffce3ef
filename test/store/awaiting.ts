import { archiveInFolder, openStore } from '../../src/index.ts'
import { everyCall, prepare, settle } from './every-call.ts'

/**
 * A process that has nothing to do but to await calls of the library, one after another. It prints the name of each call that
 * has settled.
 */
const [url = '', folder = ''] = process.argv.slice(2)

const say = (line: string) => process.stdout.write(`${line}\n`)

async function main(): Promise<void> {
  const store = openStore({ databaseUrl: url })
  const given = await prepare(store, folder)
  const archive = archiveInFolder(`${folder}/archives`)
  await store.executions.create({
    ...{ workflowName: 'w', userId: 'old', mode: 'm', modelId: 'x', status: 'success' },
    ...{ startTime: '2020-01-01T00:00:00Z', endTime: '2020-01-01T00:00:01Z' },
  })
  await store.cleanup({ days: 90, allowAll: true, archive })
  for (const [name, [fn, ...args]] of Object.entries(await everyCall(given))) {
    await settle(fn(...(args as never[])))
    say(name)
  }
  const waiting = store.batch({ flushMs: 300 })
  await waiting.audit({ executionId: given.run.executionId, action: 'a' })
  say('batch.audit, alone')
  const spool = { file: `${folder}/spool`, onError: () => {} }
  const away = openStore({ databaseUrl: 'postgresql://u@127.0.0.1:1/none', spool })
  await away.run({ workflowName: 'w', userId: 'u', mode: 'm', modelId: 'x' }, (run) =>
    run.step({ stepNumber: 1, stepName: 's' }, () => {}),
  )
  say('run, without the database')
  await away.close()
  say('close, with a spool')
}

main().catch((error) => say(error))
