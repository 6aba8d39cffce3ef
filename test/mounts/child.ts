import { fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'

export interface Running {
  url: string
  stop: () => Promise<void>
}

/** Starts a server of Node, which announces its port. */
export async function startServer(
  file: string,
  words: readonly string[],
  cwd: string,
  databaseUrl: string,
): Promise<Running> {
  const { PATH, HOME } = process.env
  const child = fork(file, words, {
    cwd,
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    execArgv: ['--require', join(import.meta.dirname, 'announce.cjs')],
    env: { PATH, HOME, DATABASE_URL: databaseUrl, PORT: '0', NEXT_TELEMETRY_DISABLED: '1' },
  })
  const ended = once(child, 'exit')
  const failed = ended.then(([code]) => Promise.reject(new Error(`exit ${code}`)))
  failed.catch(() => {})
  const [port] = await Promise.race([once(child, 'message'), failed])
  return {
    url: `http://127.0.0.1:${port}`,
    stop: async () => {
      child.kill()
      await ended
    },
  }
}
