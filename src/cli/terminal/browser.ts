import type { ChildProcess } from 'node:child_process'
import type { Environment } from '../../db/connect/libpq.ts'
import type { Io } from '../io.ts'

/** The program that opens a file in the default browser, which Linux calls xdg-open, and what it needs before the path. */
const OPENERS: Partial<Record<NodeJS.Platform, [program: string, ...words: string[]]>> = {
  darwin: ['open'],
  // Unlike `cmd /c start`, it does not read the path as a command.
  win32: ['rundll32', 'url.dll,FileProtocolHandler'],
}
const LINUX: [program: string, ...words: string[]] = ['xdg-open']

/** A browser that still runs after this time has opened the file. */
const PATIENCE_MS = 2000

/** Opens a file in the default browser. Resolves to false if there is none. */
export async function openInBrowser(path: string, io: Io, env: Environment): Promise<boolean> {
  const { spawn } = await import('node:child_process')
  const [program, ...words] = OPENERS[process.platform] ?? LINUX
  const child = spawn(program, [...words, path], { detached: true, stdio: 'ignore', env })
  // The browser stays open after this process.
  child.unref()
  const done = new AbortController()
  const patience = io.sleep(PATIENCE_MS, done.signal).then(
    () => true,
    () => false,
  )
  const opened = await Promise.race([endOf(child), patience])
  done.abort()
  return opened
}

const endOf = (child: ChildProcess): Promise<boolean> =>
  new Promise((resolve) => {
    child.once('error', () => resolve(false))
    child.once('exit', (code) => resolve(code === 0))
  })
