// `dbos workflow list`, the CLI of another engine that stores workflows in PostgreSQL, on its own system database with the
// same number of workflows. Installed only with --peers.
import { execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import pg from 'pg'

const PACKAGE = '@dbos-inc/dbos-sdk@5'
const DATABASE = 'dbos_bench'
const prefix = fileURLToPath(new URL('../node_modules/.cache/dbos', import.meta.url))
const cli = join(prefix, 'node_modules/@dbos-inc/dbos-sdk/dist/src/cli/cli.js')

/** The command that lists 20 workflows. Creates as many workflows as the store has runs. */
export async function dbosList({ client, url, runs, say }) {
  if (!existsSync(cli)) {
    say(`installing ${PACKAGE}`)
    const options = ['--no-save', '--no-audit', '--no-fund', '--prefix', prefix]
    execFileSync('npm', ['install', ...options, PACKAGE], {
      stdio: ['ignore', 'ignore', 'inherit'],
    })
  }
  await client.query(`drop database if exists ${DATABASE} with (force)`)
  await client.query(`create database ${DATABASE}`)
  const system = new URL(url)
  system.pathname = `/${DATABASE}`
  execFileSync(process.execPath, [cli, 'schema', system.href], { stdio: 'ignore' })
  const theirs = new pg.Client({ connectionString: system.href })
  await theirs.connect()
  await theirs.query(
    `insert into dbos.workflow_status (workflow_uuid, status, name, authenticated_user, application_version, inputs, output, created_at)
     select gen_random_uuid(), 'SUCCESS', 'workflow ' || n % 40, 'user_' || n % 200, '1', '{"json":[]}', '{"json":null}',
       (extract(epoch from now() - n * interval '63 seconds') * 1000)::bigint
     from generate_series(1, $1::integer) as n`,
    [runs],
  )
  await theirs.query('vacuum analyze')
  await theirs.end()
  return [process.execPath, cli, 'workflow', 'list', '--limit', '20', '-s', system.href]
}
