#!/usr/bin/env node
// The only place that touches the process: it hands streams, clock and signals to the program. It is CommonJS, which
// starts faster, and reads stdin and the time zone only when they are used.
const { fstatSync, readFileSync, readlinkSync, statSync } = require('node:fs')
const { basename, join } = require('node:path')

/** The names of three letters in the time zone database. */
const ZONES = 'CET EET EST GMT HST MET MST PRC ROC ROK UCT UTC WET'.split(' ')
/** The width of the prepared help pages. */
const WIDTH = 80
const words = process.argv.slice(2)
const text = prepared(words)
if (text !== undefined) say(text)
else if (words[0] === 'complete') complete(words.slice(1))
else run(words)

function say(text, done) {
  if (closedStdout() === 'certain') {
    process.stderr.write('error: stdout is closed; redirect it, for example > /dev/null\n')
    process.exitCode = 1
    return done?.()
  }
  process.stdout.on('error', ({ code, message }) => {
    // `| head` closes the pipe early, which is no failure; a full disk is one.
    if (code === 'EPIPE') return
    process.stderr.write(`error: cannot write to stdout: ${message}\n`)
    process.exitCode = 1
  })
  process.stdout.write(text, done)
}

/** The version, or a text that the build has prepared: neither needs the program. */
function prepared(words) {
  const [first, second] = words
  const last = words.at(-1)
  if (words.length === 1 && (last === '--version' || last === '-V')) {
    return `${require('../package.json').version}\n`
  }
  if (first === 'completion' && words.length === 2)
    return helpFile(`completion.${second}`, [second])
  const asked = last === '--help' || last === '-h' ? words.slice(0, -1) : undefined
  if (asked) return helpPage(asked)
  if (first !== 'help') return undefined
  return (words.length > 1 ? helpPage(words) : undefined) ?? helpPage(words.slice(1))
}

function helpPage(command) {
  // The program wraps the page for a narrower terminal.
  if ((process.stdout.columns ?? WIDTH) < WIDTH) return undefined
  return helpFile(`${['wfstore', ...command].join('.')}.txt`, command)
}

function helpFile(name, words = []) {
  if (!words.every((word) => /^[a-z][a-z-]*$/.test(word))) return undefined
  try {
    return readFileSync(join(__dirname, '../dist/help', name), 'utf8')
  } catch {
    return undefined
  }
}

/** For a shell, after TAB. It exits even if a query is still running. */
async function complete(words) {
  cacheCompiled()
  const { complete } = require('../dist/cli/complete.cjs')
  const program = JSON.parse(helpFile('commands.json'))
  const io = ioOf(new AbortController().signal)
  const answer = await complete(words, io, process.env, program).catch(() => '')
  say(answer, () => process.exit(0))
}

async function run(words) {
  const interruption = new AbortController()
  let patience = 1000
  const interrupt = (reason, status) => {
    interruption.abort(reason)
    // Exit even if stdout is not read or the server does not answer.
    setTimeout(() => process.exit(status), patience).unref()
  }
  for (const [signal, status] of [
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ]) {
    process.once(signal, () => interrupt(signal, status))
  }
  // A screen that reads keys gets these as characters.
  const keys = { interrupt: () => interrupt('SIGINT', 130), quit: () => interrupt('quit', 0) }
  if (words.includes('--verbose')) {
    // Stack traces then show lines of src/, if this is set before the program is loaded, and all of them.
    process.setSourceMapsEnabled(true)
    Error.stackTraceLimit = 50
  }
  cacheCompiled()
  const setPatience = (ms) => {
    patience = ms
  }
  const { main } = require('../dist/cli/main.cjs')
  const io = { ...ioOf(interruption.signal), keys, setPatience }
  process.exitCode = await main(words, io, process.env)
}

/** The cache is in the package folder: a user who can change it could as well change the program. */
function cacheCompiled() {
  require('node:module').enableCompileCache?.(join(__dirname, '../dist/compiled'))
}

function workingFolder() {
  try {
    return process.cwd()
  } catch {
    process.stderr.write('error: the working folder does not exist any more; go to another one\n')
    process.exit(1)
  }
}

/**
 * Whether the program was started with a closed stdout, as `>&-` does: 'certain', 'possible' or undefined. Node then opens
 * /dev/null in its place, for reading and writing. A shell opens it only for writing, but Python's subprocess.DEVNULL and
 * Node's stdio 'ignore' open it for both, so for a program that one of them started it is only possible. Other systems than
 * Linux do not show how it is opened: there it is open.
 */
function closedStdout() {
  try {
    const { rdev } = fstatSync(1)
    if (rdev === 0 || rdev !== statSync('/dev/null').rdev) return undefined
    const [, flags] = /^flags:\s*([0-7]+)/m.exec(readFileSync('/proc/self/fdinfo/1', 'utf8')) ?? []
    // The last two bits: 0 reads, 1 writes, 2 does both.
    if (flags === undefined || (Number.parseInt(flags, 8) & 3) !== 2) return undefined
    return /^(python|pypy|node|bun)/.test(parentProgram()) ? 'possible' : 'certain'
  } catch ({ code }) {
    return code === 'EBADF' ? 'certain' : undefined
  }
}

/** The file of the program that started this one. Of another user's program Linux shows only the name. */
function parentProgram() {
  const parent = `/proc/${process.ppid}`
  try {
    return basename(readlinkSync(`${parent}/exe`))
  } catch {
    return readFileSync(`${parent}/comm`, 'utf8')
  }
}

function ioOf(signal) {
  return {
    get stdin() {
      return process.stdin
    },
    stdout: process.stdout,
    stdoutClosed: closedStdout(),
    stderr: process.stderr,
    now: () => new Date(),
    sleep: (ms, signal) => require('node:timers/promises').setTimeout(ms, undefined, { signal }),
    cwd: workingFolder(),
    get timeZone() {
      const { TZ } = process.env
      // Other programs read an abbreviation as UTC. Node would take IST for Asia/Kolkata.
      const unknown = /^[A-Z]{3}$/.test(TZ ?? '') && !ZONES.includes(TZ)
      const zone = unknown ? undefined : Intl.DateTimeFormat().resolvedOptions().timeZone
      return zone && zone !== 'Etc/Unknown' ? zone : 'UTC'
    },
    signal,
  }
}
