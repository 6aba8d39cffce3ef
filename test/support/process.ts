import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import type { Readable } from 'node:stream'

/** The installed program: bin with the bundle of `npm run build`. */
const bin = join(import.meta.dirname, '../../bin/wfstore.js')

export interface Ended {
  /** null if a signal ended it. */
  code: number | null
  stdout: string
  stderr: string
}

export interface Program {
  child: ChildProcess
  ended: Promise<Ended>
  /** Resolves once stderr holds this text, and rejects if the program ends without it. */
  said: (text: string) => Promise<void>
  /** SIGKILL; resolves when the process is gone. */
  kill: () => Promise<void>
}

/** Starts `wfstore` in its own process, without the variables that select a database. */
export function startProgram(...argv: string[]): Program {
  const { PATH, HOME } = process.env
  const child = spawn(process.execPath, [bin, ...argv], { env: { PATH, HOME } })
  const output = { stdout: '', stderr: '' }
  for (const name of ['stdout', 'stderr'] as const) {
    child[name].setEncoding('utf8').on('data', (text: string) => {
      output[name] += text
    })
  }
  const ended = once(child, 'close').then(([code]) => ({ code: code as number | null, ...output }))
  return {
    child,
    ended,
    said: async (text) => {
      const gone = ended.then(() => 'gone' as const)
      while (!output.stderr.includes(text)) {
        if ((await Promise.race([once(child.stderr as Readable, 'data'), gone])) === 'gone') {
          throw new Error(`it ended without printing ${JSON.stringify(text)}: ${output.stderr}`)
        }
      }
    },
    kill: async () => {
      child.kill('SIGKILL')
      await ended
    },
  }
}
