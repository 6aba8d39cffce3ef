#!/usr/bin/env node
// The only place that touches the process: everything below is handed its streams, clock and signals. It is CommonJS,
// and what it hands over is made when it is asked for, because a command should start as soon as Node does.
const { readFileSync } = require('node:fs')
const { join } = require('node:path')

const words = process.argv.slice(2)
const text = prepared(words)
if (text === undefined) run(words)
else {
  process.stdout.on('error', ({ code }) => {
    // A reader that has gone, as `| true`, is no failure; a full disk is.
    if (code !== 'EPIPE') process.exitCode = 1
  })
  process.stdout.write(text)
}

/** What can be said without the program: its version, and the help that the build has had it write. */
function prepared(words) {
  const asked = words.at(-1)
  if (words.length === 1 && (asked === '--version' || asked === '-V')) {
    return `${require('../package.json').version}\n`
  }
  if (asked !== '--help' && asked !== '-h') return undefined
  const command = ['wfstore', ...words.slice(0, -1)]
  if (!command.every((word) => /^[a-z][a-z-]*$/.test(word))) return undefined
  const width = Math.min(process.stdout.columns ?? 80, 100)
  try {
    return readFileSync(join(__dirname, `../dist/help/${width}/${command.join('.')}.txt`), 'utf8')
  } catch {
    return undefined
  }
}

async function run(words) {
  const interruption = new AbortController()
  for (const [signal, status] of [
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ]) {
    process.once(signal, () => {
      interruption.abort(signal)
      // Output that nobody reads, or a server that does not answer, must not keep us.
      setTimeout(() => process.exit(status), 1000).unref()
    })
  }
  // Beside what it is made from: who can write it can write the program.
  require('node:module').enableCompileCache?.(join(__dirname, '../dist/compiled'))
  const { main } = require('../dist/cli/main.cjs')
  const io = {
    get stdin() {
      return process.stdin
    },
    stdout: process.stdout,
    stderr: process.stderr,
    now: () => new Date(),
    sleep: (ms, signal) => require('node:timers/promises').setTimeout(ms, undefined, { signal }),
    cwd: process.cwd(),
    get timeZone() {
      return Intl.DateTimeFormat().resolvedOptions().timeZone
    },
    signal: interruption.signal,
  }
  process.exitCode = await main(words, io, process.env)
}
