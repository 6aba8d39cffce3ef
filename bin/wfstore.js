#!/usr/bin/env node
// The only place that touches the process: everything below is handed its streams, clock and signals.
import { setTimeout as sleep } from 'node:timers/promises'
import { main } from '../dist/main.js'

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
process.exitCode = await main(
  process.argv.slice(2),
  {
    stdin: process.stdin,
    stdout: process.stdout,
    stderr: process.stderr,
    now: () => new Date(),
    sleep: (ms, signal) => sleep(ms, undefined, { signal }),
    cwd: process.cwd(),
    timeZone: Intl.DateTimeFormat().resolvedOptions().timeZone,
    signal: interruption.signal,
  },
  process.env,
)
