import type { Command } from 'commander'
import { fillDemo } from '../../demo/fill.ts'
import { storeOnClient } from '../../store.ts'
import type { Context } from '../context.ts'
import { explain } from '../help/page.ts'
import type { GlobalOptions } from '../options/global.ts'
import { selectColumns } from '../output/column.ts'
import { executionColumns } from './executions/columns.ts'

const SHOWN = 10
const MIGRATION = { legacyTimeZone: 'UTC', lockWaitMs: 60_000, lockTimeoutMs: 2000 }

export function define(demo: Command, context: Context): void {
  explain(demo, {
    about:
      'The environment is not asked: demo writes to the embedded database, or to the one that --database-url names. A store that holds runs already is left as it is.',
    examples: ['wfstore demo', 'wfstore demo --database-url postgresql://localhost/scratch'],
  })
  demo
    .description(
      'Makes the embedded database of this folder, fills it with about 90 days of history and lists the newest runs.',
    )
    .action(async () => {
      const options = demo.optsWithGlobals<GlobalOptions>()
      selectColumns(executionColumns, options.columns)
      const writer = context.writer(options)
      const { isNamed } = await import('../../db/connect/target.ts')
      const { migrateUp } = await import('../../db/migrate/up.ts')
      const { checkSchema, holdsRuns } = await import('../../db/schema.ts')
      const client = await context.connect({ ...options, create: true, ignoreEnvironment: true })
      const where = options.databaseUrl === undefined ? 'the embedded database' : 'the database'
      // What holds runs is somebody's: it is neither adopted nor migrated here.
      if (await holdsRuns(client)) await checkSchema(client)
      else
        await migrateUp(client, {
          ...MIGRATION,
          schema: options.schema,
          connectAnother: () => context.connect({ ...options, ignoreEnvironment: true }),
          notice: (line) => writer.note(line),
        })
      const filled = await fillDemo(client, context.io.now())
      writer.note(
        filled > 0
          ? `${filled} runs of the last 90 days are now in ${where}; the newest:`
          : `${where} holds runs already and was left as it is; the newest:`,
      )
      const { rows } = await storeOnClient(client).executions.list({ limit: SHOWN })
      await writer.list(executionColumns, rows)
      if (options.databaseUrl === undefined && isNamed(context.env)) {
        writer.note(
          'note: other commands use the database that the environment names, not this one',
        )
      } else {
        // Whoever came by npx has no wfstore on the PATH.
        const wfstore = context.env.npm_command === 'exec' ? 'npx wfstore' : 'wfstore'
        const next = ['show ID', 'running', 'list --status failed']
        writer.note(`go on with: ${next.map((word) => `${wfstore} executions ${word}`).join(', ')}`)
      }
    })
}
