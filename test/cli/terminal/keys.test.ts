// --watch on a real terminal: the keys, the exit code, and that the terminal is as it was before.
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { TestDatabase } from '../../support/database.ts'
import { createMigrated } from '../../support/migrated.ts'

const bin = join(import.meta.dirname, '../../../bin/wfstore.js')

let database: TestDatabase
beforeAll(async () => {
  database = await createMigrated('keys')
  await database.sql(
    `insert into workflow_executions (workflow_name, user_id, mode, model_id, status) values ('w', 'u', 'm', 'x', 'failed'), ('w', 'u', 'm', 'x', 'running')`,
  )
})
afterAll(() => database.drop())

const hasTerminal = spawnSync('script', ['-qec', 'true', '/dev/null']).status === 0

/** Starts a command on a terminal, sends what `act` sends, and gives what the terminal and the shell around it say. */
async function onTerminal(
  line: string,
  act: (send: (keys: string) => void, pid: number) => unknown,
) {
  const command = `echo "pid $$"; exec ${process.execPath} ${bin} ${line}`
  const shell = `stty rows 30 cols 100; before=$(stty -g); sh -c '${command}'; echo "exit $?"; test "$before" = "$(stty -g)" && echo restored`
  const { PATH, HOME } = process.env
  const child = spawn('script', ['-qec', shell, '/dev/null'], {
    env: { PATH, HOME, SHELL: '/bin/sh', TERM: 'xterm', TZ: 'UTC', DATABASE_URL: database.url },
  })
  const ended = once(child, 'close')
  let screen = ''
  let acted = false
  for await (const text of (child.stdout as Readable).setEncoding('utf8')) {
    screen += text
    if (acted || !screen.includes('q to quit')) continue
    acted = true
    act((keys) => child.stdin?.write(keys), Number(/pid (\d+)/.exec(screen)?.[1]))
  }
  await ended
  return { screen, end: screen.split('\x1b[?25h').at(-1) ?? '' }
}

describe.runIf(hasTerminal)('--watch on a terminal', () => {
  it.each([
    'executions list',
    'executions running',
    'errors',
    'errors --group',
    'stats',
    'cost --by user',
    'cost-by-mode',
  ])('%s ends at q with exit 0, and the terminal is as before', async (line) => {
    const { screen, end } = await onTerminal(`${line} --watch 60`, (send) => send('q'))
    expect(screen).toContain(' UTC, every 60 s, q to quit')
    expect(end.trim().split(/\s*\n\s*/)).toEqual(['exit 0', 'restored'])
  })

  it('Ctrl-C ends it with exit 130, and other keys do nothing', async () => {
    const { screen, end } = await onTerminal('stats --watch 60', (send) => send('xy\x1b[A\x03'))
    expect(end.trim().split(/\s*\n\s*/)).toEqual(['exit 130', 'restored'])
    expect(screen).not.toContain('xy')
  })

  it('the terminal is as before after a signal, after an error of the first frame, and after one of a later frame', async () => {
    const stopped = await onTerminal('executions list --watch 60', (_, pid) =>
      process.kill(pid, 'SIGTERM'),
    )
    expect(stopped.end.trim().split(/\s*\n\s*/)).toEqual(['exit 143', 'restored'])
    const wrong = await onTerminal('stats --watch 60 --since soon', () => {})
    expect(wrong.end).toMatch(/ --since "soon" is not a valid time[\s\S]*exit 2\s+restored/)
    const later = await onTerminal('stats --watch 0.5', () =>
      database.sql('alter table workflow_executions rename to gone'),
    )
    await database.sql('alter table gone rename to workflow_executions')
    expect(later.end).toMatch(/error:[\s\S]*exit \d\s+restored/)
  })
})
