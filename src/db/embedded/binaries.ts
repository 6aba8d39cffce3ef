import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, readlinkSync, rmSync, symlinkSync } from 'node:fs'
import { createRequire } from 'node:module'
import { basename, delimiter, dirname, join, relative, resolve } from 'node:path'
import { WfstoreError } from '../../error.ts'
import { assertOurs, serverFolder } from './cache.ts'
import { lastLine } from './folder.ts'
import type { InstallOptions } from './install.ts'
import {
  isLoadable,
  majorOf,
  PACKAGE_NAME,
  platform,
  type ServerPackage,
  serverPackage,
} from './packages.ts'

export interface Binaries {
  initdb: string
  postgres: string
  /** Major version, as in PG_VERSION of a data directory: '18'. */
  version: string
  /** Variables with which the programs find their libraries. */
  env: Record<string, string>
}

export interface BinarySearch {
  /** PATH, searched after the npm package. */
  path: string | undefined
  /** The folder whose node_modules is searched (default: the one of wfstore). */
  from: string | undefined
  /** A folder of the user for links to libraries, if the package cannot be written to. */
  links: string
  /** The folder with existing data, and the major version that created it. */
  made?: { dir: string; version: string } | undefined
  /** Where wfstore installs servers, searched last. */
  cache?: string | undefined
  /** What it installs there (default: the package for this computer). */
  server?: ServerPackage | undefined
}

interface Candidate {
  dir: string
  env: Record<string, string>
  /** What to do if its programs do not run. */
  repair?: string
}

const exe = process.platform === 'win32' ? '.exe' : ''
const OLDEST = 15
const OTHERWISE = `put the \`postgres\` of PostgreSQL ${OLDEST} or newer on PATH, or name a database with --database-url`

/**
 * The server programs. If there are none, they are installed with npm.
 * @throws WfstoreError no_database or unreachable if there are none and npm does not install them
 */
export async function provideBinaries(
  search: BinarySearch,
  install: InstallOptions | undefined,
): Promise<Binaries> {
  try {
    return findBinaries(search)
  } catch (error) {
    const server = install && installable(search)
    if (!server) throw error
    const { installServer } = await import('./install.ts')
    await installServer(server, { ...install, cache: search.cache as string, otherwise: OTHERWISE })
    return findBinaries(search)
  }
}

/** The package that would help. One that is installed and does not run would not run the next time either. */
function installable({ cache, made, server = serverPackage() }: BinarySearch) {
  if (!cache || !server || (made && made.version !== majorOf(server))) return undefined
  return existsSync(serverFolder(cache, server)) || !isLoadable() ? undefined : server
}

/**
 * The server programs of the npm package in the node_modules of wfstore, of a `postgres` on PATH, or of the package that
 * wfstore has installed.
 * @throws WfstoreError no_database if there are none, unreachable if none has the version that created the data
 */
export function findBinaries(search: BinarySearch): Binaries {
  const { path, made } = search
  const others: string[] = []
  let broken: { reason: string; repair: string | undefined } | undefined
  for (const { dir, env, repair } of candidates(search)) {
    const postgres = join(dir, `postgres${exe}`)
    const initdb = join(dir, `initdb${exe}`)
    if (!existsSync(postgres) || !existsSync(initdb)) continue
    const probe = spawnSync(postgres, ['--version'], {
      encoding: 'utf8',
      env: { ...(path === undefined ? {} : { PATH: path }), ...env },
    })
    const version = probe.status === 0 ? /(\d+)/.exec(probe.stdout)?.[1] : undefined
    if (!version) {
      const reason = `${postgres} does not run: ${probe.error?.message ?? lastLine(probe.stderr)}`
      broken ??= { reason, repair }
    } else if (made ? made.version !== version : Number(version) < OLDEST) others.push(version)
    else return { initdb, postgres, version, env }
  }
  throw notFound(search, others, broken)
}

function notFound(
  search: BinarySearch,
  others: string[],
  broken: { reason: string; repair: string | undefined } | undefined,
): WfstoreError {
  const { made } = search
  const install = installable(search) && 'install one with `wfstore migrate up`'
  const versions = `version ${others.join(' and ')}`
  if (made && others.length > 0) {
    return new WfstoreError(
      'unreachable',
      `the data in ${made.dir} was created by PostgreSQL ${made.version}, but the server here is ${versions}`,
      {
        hint: `${install ?? `put a PostgreSQL ${made.version} on PATH`}, or move the data with its pg_dump`,
      },
    )
  }
  const reason =
    broken?.reason ??
    (others.length > 0 ? `${versions} on PATH is older than ${OLDEST}` : undefined)
  const first = broken?.repair ?? install
  return new WfstoreError(
    'no_database',
    `there is no PostgreSQL server for ${platform} to run as the embedded database${reason ? `: ${reason}` : ''}`,
    { hint: first ? `${first}, ${OTHERWISE}` : OTHERWISE },
  )
}

function* candidates(search: BinarySearch): Generator<Candidate> {
  const { path, from, links, cache, server = serverPackage() } = search
  const own = packagedBin(from ? join(resolve(from), 'x.js') : import.meta.url, PACKAGE_NAME, links)
  if (own) yield { ...own, repair: `try \`npm rebuild ${PACKAGE_NAME}\`` }
  for (const dir of directories(path)) yield { dir, env: {} }
  const folder = cache && server && serverFolder(cache, server)
  if (!folder || !existsSync(folder)) return
  assertOurs(cache)
  const installed = packagedBin(join(folder, 'x.js'), server.name, links)
  if (installed) yield { ...installed, repair: `remove ${folder} and run \`wfstore migrate up\`` }
}

const directories = (path: string | undefined): string[] =>
  (path ?? '')
    .split(delimiter)
    .filter((dir) => dir !== '')
    .map((dir) => resolve(dir))

/** The programs of an npm package, as the file `from` would import it. */
function packagedBin(from: string, name: string, links: string): Candidate | undefined {
  let entry: string
  try {
    entry = createRequire(from).resolve(name)
  } catch {
    return undefined
  }
  const root = dirname(dirname(entry))
  return { dir: join(root, 'native', 'bin'), env: linkLibraries(root, join(links, keyOf(root))) }
}

/**
 * npm packages cannot contain symbolic links. An install script creates them, but npm may not run it. If the package
 * cannot be written to, for example because root installed it, the links go to the folder `links`, which the returned
 * variables name.
 */
function linkLibraries(root: string, links: string): Record<string, string> {
  const list = join(root, 'native', 'pg-symlinks.json')
  if (!existsSync(list)) return {}
  let outside = false
  for (const { source, target } of JSON.parse(readFileSync(list, 'utf8')) as {
    source: string
    target: string
  }[]) {
    if (existsSync(join(root, target))) continue
    try {
      symlinkSync(relative(dirname(target), source), join(root, target))
    } catch {
      // The server of root runs as another user, who cannot enter a folder of root.
      outside = process.getuid?.() !== 0
      if (outside) link(join(root, source), join(links, basename(target)))
    }
  }
  if (!outside) return {}
  const name = process.platform === 'darwin' ? 'DYLD_LIBRARY_PATH' : 'LD_LIBRARY_PATH'
  // A library that is found through a link looks for other libraries next to the link.
  return { [name]: [links, join(root, 'native', 'lib')].join(delimiter) }
}

/** Names the links of a package: another one may have other libraries of the same names. */
const keyOf = (root: string): string => createHash('sha256').update(root).digest('hex').slice(0, 12)

/** If this fails, the server reports which library is missing. */
function link(source: string, target: string): void {
  try {
    if (readlinkSync(target) === source) return
    rmSync(target)
  } catch {}
  try {
    mkdirSync(dirname(target), { recursive: true, mode: 0o700 })
    symlinkSync(source, target)
  } catch {}
}
