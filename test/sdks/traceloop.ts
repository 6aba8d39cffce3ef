import { execFile } from 'node:child_process'
import { copyFileSync, existsSync, mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'

const run = promisify(execFile)
const from = join(import.meta.dirname, 'traceloop')
const folder = join(import.meta.dirname, '../../node_modules/.cache/wfstore-traceloop')

const contents = (path: string) => (existsSync(path) ? readFileSync(path, 'utf8') : undefined)

/** The node_modules with the whole SDK of Traceloop. The first call installs its 250 packages, from their lock file. */
export async function installTraceloop(): Promise<string> {
  const lock = 'package-lock.json'
  const isCurrent =
    existsSync(join(folder, 'node_modules/.package-lock.json')) &&
    contents(join(folder, lock)) === contents(join(from, lock))
  if (!isCurrent) {
    mkdirSync(folder, { recursive: true })
    for (const name of ['package.json', lock]) copyFileSync(join(from, name), join(folder, name))
    await run('npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund'], { cwd: folder })
  }
  return join(folder, 'node_modules')
}
