import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, readFileSync, utimesSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { pathToFileURL } from 'node:url'
import { STALE_MS } from '../../../src/lock-file.ts'
import { OF } from '../recording.ts'
import { file, folder, url } from './spooling.ts'

const dist = (path: string) => pathToFileURL(join(import.meta.dirname, '../../../dist', path)).href

/** Reads commands from stdin, a line each, and answers each of them with a line of JSON: the ids, or the errors of `close`. */
const engine = () => `
  import { createInterface } from 'node:readline'
  import { openStore } from ${JSON.stringify(dist('index.js'))}
  const errors = []
  const spool = { file: ${JSON.stringify(file)}, onError: (error) => errors.push(error.code) }
  const store = openStore({ databaseUrl: ${JSON.stringify(url)}, spool })
  const runs = []
  const commands = {
    start: async () => {
      const run = await store.startExecution(${JSON.stringify(OF)})
      const step = await run.startStep({ stepNumber: 1, stepName: 's' })
      runs.push({ run, step })
      return run.executionId
    },
    finish: async () => {
      for (const { run, step } of runs.splice(0)) {
        await step.finish({ status: 'failed', cost: '0.1', errorMessage: 'limit' })
        await step.retry()
        await step.finish({ status: 'success', cost: '0.2' })
        await run.finish({ status: 'success' })
      }
      return null
    },
    close: async () => {
      await store.close()
      return errors
    },
  }
  console.log(process.pid)
  for await (const line of createInterface({ input: process.stdin })) {
    console.log(JSON.stringify(await commands[line]()))
  }`

const UNSHARE = ['-pf', '--mount-proc', '--kill-child']
export const canUnshare = spawnSync('unshare', [...UNSHARE, 'true']).status === 0

export interface Engine {
  /** As the engine sees it. */
  pid: number
  tell: (command: 'start' | 'finish' | 'close') => Promise<unknown>
  signal: (signal: NodeJS.Signals) => void
  /** Ends it without a warning. */
  kill: () => Promise<void>
}

/** An engine in a process; in a container of its own if the system lets us make one. */
export async function startEngine({ container }: { container: boolean }): Promise<Engine> {
  const program = [process.execPath, '--input-type=module', '-e', engine()]
  const [command = '', ...args] = container ? ['unshare', ...UNSHARE, ...program] : program
  const child = spawn(command, args, { stdio: 'pipe' })
  let said = ''
  child.stderr.on('data', (text) => {
    said += text
  })
  const answers = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  const answer = async (): Promise<unknown> => {
    const { value } = await answers.next()
    if (value === undefined) throw new Error(`the engine ended: ${said}`)
    return JSON.parse(value)
  }
  const pid = (await answer()) as number
  const outside = container ? childOf(child) : (child.pid as number)
  return {
    pid,
    tell: (given) => {
      child.stdin.write(`${given}\n`)
      return answer()
    },
    signal: (signal) => process.kill(outside, signal),
    kill: async () => {
      if (child.exitCode !== null || child.signalCode !== null) return
      process.kill(outside, 'SIGKILL')
      await once(child, 'close')
    },
  }
}

const childOf = ({ pid }: ChildProcess) =>
  Number(readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8'))

/** Sets the time of all locks back, as if their holders had not written them for minutes. */
export function ageLocks(): void {
  const then = new Date(Date.now() - 2 * STALE_MS)
  for (const name of readdirSync(folder)) {
    if (name.includes('.lock')) utimesSync(join(folder, name), then, then)
  }
}
