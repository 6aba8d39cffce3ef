// Runs the tests on distributed stores of the Citus cluster of WFSTORE_TEST_CITUS_URL, and prints what ran and what failed.
// npm run test:citus -- [arguments of vitest]; without files or folders: those below.
import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
const FOLDERS = ['db', 'queries', 'record', 'cleanup', 'cli', 'transfer', 'store']
const say = (line) => process.stdout.write(`${line}\n`)

const leftOut = JSON.parse(readFileSync(join(root, 'test/support/left-out.json'), 'utf8'))
const words = process.argv.slice(2)
const hasPath = words.some((word) => existsSync(join(root, word)))
const {
  WFSTORE_TEST_DATABASE_URL: _,
  WFSTORE_TEST_POSTGRES: __,
  WFSTORE_TEST_CITUS_URL: url,
  ...env
} = process.env

if (url) run(url)
else {
  process.stderr.write(
    'WFSTORE_TEST_CITUS_URL is not set; set it to a database of a Citus coordinator\n',
  )
  process.exitCode = 2
}

function run(url) {
  const folder = mkdtempSync(join(tmpdir(), 'wfstore-citus-'))
  const [report, used] = [join(folder, 'report.json'), join(folder, 'used')]
  const { status } = spawnSync(
    process.execPath,
    [
      join(root, 'node_modules/vitest/vitest.mjs'),
      'run',
      '--reporter=default',
      '--reporter=json',
      `--outputFile.json=${report}`,
      ...leftOut.filter(({ test }) => !test).map(({ file }) => `--exclude=${file}`),
      ...(hasPath ? words : [...FOLDERS.map((name) => `test/${name}/`), ...words]),
    ],
    {
      cwd: root,
      stdio: 'inherit',
      env: { ...env, WFSTORE_TEST_CITUS_URL: url, WFSTORE_TEST_CITUS_USED: used },
    },
  )
  if (existsSync(report)) {
    const distributed = new Set(existsSync(used) ? readFileSync(used, 'utf8').split('\n') : [])
    summary(JSON.parse(readFileSync(report, 'utf8')).testResults, distributed)
  }
  rmSync(folder, { recursive: true, force: true })
  process.exitCode = status ?? 1
}

function summary(files, distributed) {
  const tests = files.flatMap(({ name, assertionResults }) =>
    assertionResults.map((test) => ({ ...test, file: name, distributed: distributed.has(name) })),
  )
  say('\nfailed on Citus')
  for (const { name, status, message, assertionResults } of files) {
    const failed = assertionResults.filter((test) => test.status === 'failed')
    if (status === 'failed' && failed.length === 0) fail(name, '(the whole file)', message)
    for (const { fullName, failureMessages } of failed) fail(name, fullName, failureMessages[0])
  }
  const count = (status, on) =>
    tests.filter((test) => test.status === status && test.distributed === on).length
  say(`\non distributed stores: ${count('passed', true)} passed, ${count('failed', true)} failed`)
  say(`in files without one: ${count('passed', false)} passed, ${count('failed', false)} failed`)
  say(
    `skipped: ${tests.filter(({ status }) => status !== 'passed' && status !== 'failed').length}, with those of files that failed`,
  )
  for (const { file, test, reason } of leftOut)
    say(`left out: ${file}${test ? `, "${test}"` : ''}: ${reason}`)
}

function fail(file, name, message = '') {
  say(`  ${relative(root, file)}  ${name}\n    ${message.split('\n')[0].slice(0, 200)}`)
}
