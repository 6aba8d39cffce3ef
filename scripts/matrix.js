// Runs the tests on every supported PostgreSQL version, one after another, and prints a table of the results.
// npm run test:matrix -- [major ...] [arguments of vitest]
import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
const majors = Object.keys(
  JSON.parse(readFileSync(join(root, 'test/support/servers.json'), 'utf8')),
)
const words = process.argv.slice(2)
const isMajor = (word) => /^\d+$/.test(word)
const wanted = words.filter(isMajor)
const unknown = wanted.filter((major) => !majors.includes(major))
if (unknown.length > 0) {
  process.stderr.write(`unknown version ${unknown.join(', ')}; use ${majors.join(', ')}\n`)
  process.exit(2)
}

const results = []
for (const major of majors) {
  if (wanted.length === 0 || wanted.includes(major)) results.push(runOn(major))
}
const header = ['PostgreSQL', 'passed', 'failed', 'skipped', 'seconds', '']
const rows = [header, ...results.map(({ cells }) => cells)]
const widths = header.map((_, column) => Math.max(...rows.map((row) => row[column].length)))
process.stdout.write('\n')
for (const row of rows) {
  const cells = row.map((cell, i) =>
    i === 0 || i === 5 ? cell.padEnd(widths[i]) : cell.padStart(widths[i]),
  )
  process.stdout.write(`${cells.join('  ').trimEnd()}\n`)
}
process.exitCode = results.every(({ ok }) => ok) ? 0 : 1

function runOn(major) {
  const folder = mkdtempSync(join(tmpdir(), 'wfstore-matrix-'))
  const report = join(folder, 'report.json')
  const version = join(folder, 'version')
  const started = performance.now()
  process.stdout.write(`\n== PostgreSQL ${major}\n`)
  // With WFSTORE_TEST_DATABASE_URL every version would use that server.
  const { WFSTORE_TEST_DATABASE_URL: _, ...env } = process.env
  const { status } = spawnSync(
    process.execPath,
    [
      join(root, 'node_modules/vitest/vitest.mjs'),
      'run',
      '--reporter=default',
      '--reporter=json',
      `--outputFile.json=${report}`,
      ...words.filter((word) => !isMajor(word)),
    ],
    {
      cwd: root,
      stdio: 'inherit',
      env: { ...env, WFSTORE_TEST_POSTGRES: major, WFSTORE_TEST_SERVER_FILE: version },
    },
  )
  const seconds = ((performance.now() - started) / 1000).toFixed(0)
  const server = existsSync(version) ? readFileSync(version, 'utf8') : major
  const tests = existsSync(report) ? JSON.parse(readFileSync(report, 'utf8')) : {}
  rmSync(folder, { recursive: true, force: true })
  const count = (name) => String(tests[name] ?? '?')
  // A run also fails if a file does not load or an error occurs outside of tests.
  const ok = status === 0 && tests.numTotalTests > 0
  return {
    ok,
    cells: [
      server,
      count('numPassedTests'),
      count('numFailedTests'),
      count('numPendingTests'),
      seconds,
      ok ? 'ok' : `FAILED (vitest ended with ${status})`,
    ],
  }
}
