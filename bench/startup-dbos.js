// `dbos workflow list`, the CLI of another engine that keeps its workflows in PostgreSQL, on a system database of its own
// with as many of them. Installed only when it is asked for.
import { execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import pg from 'pg'
import { connect } from './store.js'

const PACKAGE = '@dbos-inc/dbos-sdk@5'
const DATABASE = 'dbos_bench'
const prefix = fileURLToPath(new URL('../node_modules/.cache/dbos', import.meta.url))
const cli = join(prefix, 'node_modules/@dbos-inc/dbos-sdk/dist/src/cli/cli.js')

/** The words that list 20 of `runs` workflows, made on the server of this store. */
export async function dbosList(folder, url, runs, say) {
  if (!existsSync(cli)) {
    say(`installing ${PACKAGE}`)
    const options = ['--no-save', '--no-audit', '--no-fund', '--prefix', prefix]
    execFileSync('npm', ['install', ...options, PACKAGE], {
      stdio: ['ignore', 'ignore', 'inherit'],
    })
  }
  const ours = await connect(folder)
  await ours.query(`drop database if exists ${DATABASE} with (force)`)
  await ours.query(`create database ${DATABASE}`)
  await ours.end()
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
