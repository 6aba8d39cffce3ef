import pg from 'pg'
import { createDatabase, type TestDatabase } from './database.ts'
import { withClient } from './migrate.ts'

export interface Template {
  /** A database of its own with all that the template has, in a few hundredths of a second. */
  copy: () => Promise<TestDatabase>
  drop: () => Promise<void>
}

export async function createTemplate(
  label: string,
  fill: (database: TestDatabase) => Promise<unknown>,
): Promise<Template> {
  const seed = await createDatabase(label)
  const admin = await createDatabase(`${label}_admin`)
  await fill(seed)
  // Nobody may be connected to a template.
  await admin.sql(
    'select pg_terminate_backend(pid, 60000) from pg_stat_activity where datname = $1',
    [seed.name],
  )
  const run = (text: string) => withClient(admin, (client) => client.query(text))
  let copies = 0
  return {
    copy: async () => {
      const name = `${seed.name}_${++copies}`
      await run(`create database ${name} template ${seed.name}`)
      const url = new URL(seed.url)
      url.pathname = `/${name}`
      const connect = async () => {
        const client = new pg.Client({ connectionString: url.href })
        client.on('error', () => {})
        await client.connect()
        return client
      }
      const client = await connect()
      return {
        name,
        url: url.href,
        connect,
        sql: async (text, values) => (await client.query(text, values)).rows,
        drop: async () => {
          await client.end()
          await run(`drop database ${name} with (force)`)
        },
      }
    },
    drop: async () => {
      await run(`drop database ${seed.name} with (force)`)
      await admin.drop()
    },
  }
}
