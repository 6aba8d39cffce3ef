import type { Command } from 'commander'
import { fillDemo } from '../../demo/fill.ts'
import { storeOnClient } from '../../store.ts'
import type { Context } from '../context.ts'
import { explain } from '../help/page.ts'
import type { GlobalOptions } from '../options/global.ts'
import { checkOutput } from '../options/output.ts'
import { executionColumns } from './executions/columns.ts'

const SHOWN = 10
const MIGRATION = { legacyTimeZone: 'UTC', lockWaitMs: 60_000, lockTimeoutMs: 2000 }

export function define(demo: Command, context: Context): void {
  explain(demo, {
    about:
      'Writes to the embedded database or to --database-url; ignores the environment. A database that has runs is not changed. Installs a PostgreSQL server with npm if there is none on this computer.',
    examples: ['wfstore demo', 'wfstore demo --database-url postgresql://localhost/scratch'],
  })
  demo
    .description(
      'Create the embedded database of this folder, fill it with 90 days of sample data and list the newest runs.',
    )
    .action(async () => {
      const options = demo.optsWithGlobals<GlobalOptions>()
      checkOutput(executionColumns, options)
      const writer = context.writer(options)
      const { isNamed } = await import('../../db/connect/target.ts')
      const { migrateUp } = await import('../../db/migrate/up.ts')
      const { checkSchema, holdsRuns } = await import('../../db/schema.ts')
      const client = await context.connect({ ...options, create: true, ignoreEnvironment: true })
      const where = options.databaseUrl === undefined ? 'the embedded database' : 'the database'
      // A database with runs is in use: do not adopt or migrate it.
      if (await holdsRuns(client)) await checkSchema(client)
      else
        await migrateUp(client, {
          ...MIGRATION,
          schema: options.schema,
          connectAnother: () => context.connect({ ...options, ignoreEnvironment: true }),
          notice: (line) => writer.note(line),
        })
      const filled = await fillDemo(client, await context.now(options))
      writer.note(
        filled > 0
          ? `added ${filled} sample runs of the last 90 days to ${where}; the newest:`
          : `${where} already has runs and was not changed; the newest:`,
      )
      const { rows } = await storeOnClient(client).executions.list({ limit: SHOWN })
      await writer.list(executionColumns, rows)
      if (options.databaseUrl === undefined && isNamed(context.env)) {
        writer.note('other commands use the database that the environment names, not this one')
      } else {
        // With npx, wfstore is not on the PATH.
        const wfstore = context.env.npm_command === 'exec' ? 'npx wfstore' : 'wfstore'
        const next = ['show <id>', 'running', 'list --status failed']
        writer.note(`next: ${next.map((word) => `${wfstore} executions ${word}`).join(', ')}`)
      }
    })
}
