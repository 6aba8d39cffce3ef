import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process'
import * as fs from 'node:fs'
import type { Account } from './account.ts'
import type { Binaries } from './binaries.ts'

/** How this machine runs the server programs. */
export interface Host {
  binaries: Binaries
  account: Account | undefined
  path: string | undefined
}

interface Run {
  program: string
  /** The folders that the program uses. */
  folders: string[]
  /** Its arguments, with the folders as the program reaches them. */
  args: (folders: string[]) => string[]
}

/** Where the system shows the open files of a process to itself. */
const OPEN_FILES = '/proc/self/fd/'
/** The first number after stdin, stdout and stderr. */
const FIRST = 3

/** Whether a path is that of a folder that root has opened for the server. */
export const isOpened = (path: string): boolean => path.startsWith(OPEN_FILES)

/**
 * Starts a server program as the server's user. That user cannot enter folders of root (/root, mktemp -d). So root opens
 * the folders for it, and the program needs no privilege to reach them.
 */
export function spawnProgram(host: Host, run: Run, options: SpawnOptions): ChildProcess {
  const { account, path, binaries } = host
  const opened = account ? run.folders.map(openFolder) : []
  const folders = account ? opened.map((_, index) => `${OPEN_FILES}${FIRST + index}`) : run.folders
  try {
    return spawn(run.program, run.args(folders), {
      ...options,
      // Without the variables for clients (PGDATA, PGPORT, PGOPTIONS) and for Node.
      env: { ...(path === undefined ? {} : { PATH: path }), ...binaries.env, LC_ALL: 'C' },
      windowsHide: true,
      ...(account ? { ...account, cwd: '/' } : {}),
      stdio: [...(options.stdio as ('ignore' | 'pipe' | number)[]), ...opened],
    })
  } finally {
    for (const folder of opened) fs.closeSync(folder)
  }
}

/** Runs a server program and waits for it to exit. */
export async function runProgram(host: Host, run: Run, input = ''): Promise<void> {
  const child = spawnProgram(host, run, {
    cwd: run.folders[0],
    stdio: ['pipe', 'ignore', 'pipe'],
  })
  let stderr = ''
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    stderr += text
  })
  // A program that exits before it reads its input reports the reason with its exit status.
  child.stdin?.on('error', () => {})
  child.stdin?.end(input)
  await new Promise<void>((resolve, reject) => {
    child.on('error', (error) => reject(Object.assign(error, { stderr })))
    child.on('close', (code, signal) => {
      if (code === 0) return resolve()
      const message = `${run.program} ended with ${signal ?? `exit code ${code}`}`
      reject(Object.assign(new Error(message), { stderr }))
    })
  })
}

const openFolder = (path: string): number =>
  fs.openSync(path, fs.constants.O_RDONLY | fs.constants.O_DIRECTORY | fs.constants.O_NOFOLLOW)
