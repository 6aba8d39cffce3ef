import { execFile, type SpawnOptions } from 'node:child_process'
import { promisify } from 'node:util'
import type { Account } from './account.ts'
import type { Binaries } from './binaries.ts'

/** How this machine runs the server programs. */
export interface Host {
  binaries: Binaries
  account: Account
  path: string | undefined
}

/** The arguments with which spawn() runs `program` as the server's user. */
export function serverCommand(
  host: Host,
  program: string,
  args: string[],
): { command: string; args: string[]; options: SpawnOptions } {
  const [command, ...rest] = [...host.account.prefix, program, ...args] as [string, ...string[]]
  return {
    command,
    args: rest,
    options: {
      // Without the variables for clients (PGDATA, PGPORT, PGOPTIONS) and for Node.
      env: {
        ...(host.path === undefined ? {} : { PATH: host.path }),
        ...host.binaries.env,
        LC_ALL: 'C',
      },
      windowsHide: true,
      ...host.account.spawn,
    },
  }
}

/** Runs a server program and waits for it to exit. */
export async function runProgram(
  host: Host,
  cwd: string,
  program: string,
  args: string[],
  input = '',
): Promise<void> {
  const { command, args: rest, options } = serverCommand(host, program, args)
  const running = promisify(execFile)(command, rest, {
    cwd,
    env: options.env,
    windowsHide: true,
    ...host.account.spawn,
  })
  // A program that exits before it reads its input reports the reason with its exit status.
  running.child.stdin?.on('error', () => {})
  running.child.stdin?.end(input)
  await running
}
