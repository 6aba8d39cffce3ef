import { randomBytes } from 'node:crypto'
import * as fs from 'node:fs'
import { join } from 'node:path'
import { WfstoreError } from '../../error.ts'
import { syncFolder } from '../../sync-folder.ts'
import type { Environment } from '../connect/libpq.ts'
import { give } from './account.ts'
import { dataDir, embeddedExists, isOurName, lastLine } from './folder.ts'
import { type Host, runProgram } from './host.ts'
import { remember } from './known.ts'
import { remove, temporaryName } from './turn.ts'

/**
 * Creates the data directory under a temporary name and then renames it. So a killed process leaves nothing that looks
 * like a database, and of several processes the first one wins.
 * @throws WfstoreError unreachable
 */
export async function initialise(
  dir: string,
  host: Host,
  options: { sync: boolean; env: Environment },
): Promise<void> {
  if (!fs.existsSync(join(dir, '.gitignore')))
    fs.writeFileSync(join(dir, '.gitignore'), '*\n', { mode: 0o600 })
  const fresh = fs.mkdtempSync(join(dir, temporaryName()))
  try {
    await makeCluster(fresh, host, options.sync)
    // Before it has its name: a killed process leaves no database that this user is asked about.
    remember(fresh, options.env, dir)
    fs.renameSync(join(fresh, 'data'), dataDir(dir))
    if (options.sync) await syncFolder(dir)
  } catch (error) {
    // Another process has created it in the meantime.
    if (!embeddedExists(dir)) throw failure(dir, error)
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
  for (const path of [secret, cluster, fresh]) give(path, account)
  await runProgram(host, {
    program: binaries.initdb,
    folders: [fresh],
    args: ([folder = '']) => [
      '-D',
      join(folder, 'data'),
      '-U',
      'wfstore',
      '--encoding=UTF8',
      '--no-locale',
      `--pwfile=${join(folder, 'password')}`,
      '--auth-local=trust',
      '--auth-host=scram-sha-256',
      '--no-instructions',
      ...(sync ? [] : ['--no-sync']),
    ],
  })
  // Without exit_on_error the single-user server reports success even if the statement fails.
  const single = ['-c', 'exit_on_error=on', '-c', `fsync=${sync ? 'on' : 'off'}`, 'postgres']
  await runProgram(
    host,
    {
      program: binaries.postgres,
      folders: [fresh],
      args: ([folder = '']) => ['--single', '-D', join(folder, 'data'), ...single],
    },
    'create database wfstore\n',
  )
  const passFile = join(cluster, 'pgpass')
  // 'wx' does not follow a link.
  fs.writeFileSync(passFile, `*:*:*:wfstore:${password}\n`, {
    ...{ mode: 0o600, flag: 'wx', flush: sync },
  })
  give(passFile, account)
  if (sync) await syncFolder(cluster)
}

/** Other files are left alone, also those of a folder that a link names. @throws WfstoreError unreachable */
export function refuseOther(dir: string): void {
  // A new volume has lost+found.
  const strange = namesIn(dir).some((name) => !isOurName(name) && name !== 'lost+found')
  const path = strange ? dir : dataDir(dir)
  if (!strange && (namesIn(path).length === 0 || embeddedExists(dir))) return
  throw new WfstoreError('unreachable', `${path} contains other files than PostgreSQL data`, {
    hint: 'move it away, or name a database with --database-url',
  })
}

const namesIn = (path: string): string[] =>
  fs.statSync(path, { throwIfNoEntry: false })?.isDirectory() ? fs.readdirSync(path) : []

function failure(dir: string, error: unknown): unknown {
  const { stderr, message } = error as Error & { stderr?: string }
  if (stderr === undefined) return error
  const reason = stderr.split('\n').find((line) => /error|fatal|denied/i.test(line))
  return new WfstoreError(
    'unreachable',
    `cannot create the embedded database in ${dir}: ${reason?.trim() ?? lastLine(stderr || message)}`,
    { hint: 'choose another folder, or name a database with --database-url', cause: error },
  )
}
