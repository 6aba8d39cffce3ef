import { randomBytes } from 'node:crypto'
import * as fs from 'node:fs'
import { join } from 'node:path'
import { WfstoreError } from '../../error.ts'
import { syncFolder } from '../../sync-folder.ts'
import { own } from './account.ts'
import { dataDir, embeddedExists, lastLine } from './folder.ts'
import { type Host, runProgram } from './host.ts'
import { remove, temporaryName } from './turn.ts'

/**
 * Creates the data directory under a temporary name and then renames it. So a killed process leaves nothing that looks
 * like a database, and of several processes the first one wins.
 * @throws WfstoreError unreachable
 */
export async function initialise(
  dir: string,
  host: Host,
  options: { sync: boolean },
): Promise<void> {
  refuseOther(dir)
  if (!fs.existsSync(join(dir, '.gitignore'))) fs.writeFileSync(join(dir, '.gitignore'), '*\n')
  const fresh = fs.mkdtempSync(join(dir, temporaryName()))
  try {
    await makeCluster(fresh, host, options.sync)
    fs.renameSync(join(fresh, 'data'), dataDir(dir))
    if (options.sync) await syncFolder(dir)
  } catch (error) {
    // Another process has created it in the meantime.
    if (!embeddedExists(dir)) throw failure(dir, host, error)
  } finally {
    await remove(fresh)
  }
}

async function makeCluster(fresh: string, host: Host, sync: boolean): Promise<void> {
  const { binaries, account } = host
  const cluster = join(fresh, 'data')
  const secret = join(fresh, 'password')
  const password = randomBytes(24).toString('base64url')
  fs.writeFileSync(secret, password, { mode: 0o600 })
  fs.mkdirSync(cluster, { mode: 0o700 })
  for (const path of [fresh, secret, cluster]) own(path, account)
  await runProgram(host, fresh, binaries.initdb, [
    '-D',
    cluster,
    '-U',
    'wfstore',
    '--encoding=UTF8',
    '--no-locale',
    `--pwfile=${secret}`,
    '--auth-local=trust',
    '--auth-host=scram-sha-256',
    '--no-instructions',
    ...(sync ? [] : ['--no-sync']),
  ])
  // Without exit_on_error the single-user server reports success even if the statement fails.
  const single = [
    '--single',
    '-D',
    cluster,
    '-c',
    'exit_on_error=on',
    '-c',
    `fsync=${sync ? 'on' : 'off'}`,
  ]
  await runProgram(
    host,
    fresh,
    binaries.postgres,
    [...single, 'postgres'],
    'create database wfstore\n',
  )
  const passFile = join(cluster, 'pgpass')
  fs.writeFileSync(passFile, `*:*:*:wfstore:${password}\n`, { mode: 0o600, flush: sync })
  own(passFile, account)
  if (sync) await syncFolder(cluster)
}

/** Other files in the place of the data directory are left alone. */
function refuseOther(dir: string): void {
  const path = dataDir(dir)
  if (!fs.existsSync(path) || fs.readdirSync(path).length === 0 || embeddedExists(dir)) return
  throw new WfstoreError('unreachable', `${path} contains other files than PostgreSQL data`, {
    hint: 'move it away, or name a database with --database-url',
  })
}

function failure(dir: string, host: Host, error: unknown): unknown {
  const { stderr, message } = error as Error & { stderr?: string }
  if (stderr === undefined) return error
  const reason = (stderr || message).split('\n').find((line) => /error|fatal|denied/i.test(line))
  const { account } = host
  const passing = account.prefix.length === 0 && account.owner !== undefined
  return new WfstoreError(
    'unreachable',
    `cannot create the embedded database in ${dir}: ${reason?.trim() ?? lastLine(message)}`,
    {
      hint: passing
        ? `PostgreSQL cannot run as root, and user ${account.owner?.uid} must be able to access the folder and ${host.binaries.postgres}; or name a database with --database-url`
        : 'choose another folder, or name a database with --database-url',
      cause: error,
    },
  )
}
