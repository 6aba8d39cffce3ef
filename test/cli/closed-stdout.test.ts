import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { afterAll, beforeAll, expect, it } from 'vitest'
import type { TestDatabase } from '../support/database.ts'
import { createMigrated } from '../support/migrated.ts'

/** The program as it is installed: bin over the bundle that `npm run build` made. */
const bin = join(import.meta.dirname, '../../bin/wfstore.js')

let database: TestDatabase
beforeAll(async () => {
  database = await createMigrated('closed_stdout')
})
afterAll(() => database.drop())

async function finish(
  child: ChildProcess,
): Promise<{ code: number | null; stdout: string; stderr: string }> {
  const [stdout, stderr, [code]] = await Promise.all([
    child.stdout ? text(child.stdout) : '',
    text(child.stderr as NodeJS.ReadableStream),
    once(child, 'close') as Promise<[number | null]>,
  ])
  return { code, stdout, stderr }
}

/** Runs it in a shell that redirects its stdout. */
function redirected(redirection: string, ...argv: string[]) {
  const script = `"$@" ${redirection}; exit $?`
  const { PATH, HOME } = process.env
  return finish(
    spawn('sh', ['-c', script, 'sh', process.execPath, bin, ...argv], {
      env: { PATH, HOME, DATABASE_URL: database.url },
    }),
  )
}

// Only Linux shows that Node has opened /dev/null in place of a closed stdout.
it.runIf(process.platform === 'linux')(
  'a closed stdout is an error of every command that prints data',
  async () => {
    const commands = [
      ['--help'],
      ['--version'],
      ['help', 'time'],
      ['help', '--json'],
      ['cost', '-h', '--tz', 'UTC'],
      ['completion', 'bash'],
      ['executions', 'list'],
      ['export'],
      ['report'],
      ['metrics', 'current'],
      ['cleanup', '--days', '1', '--dry-run'],
      ['executions', 'fail', '--older-than', '1h', '--dry-run'],
    ]
    for (const argv of commands) {
      const { code, stderr } = await redirected('>&-', ...argv)
      expect([argv, code, stderr]).toEqual([
        argv,
        1,
        expect.stringMatching(/^[^\n]*stdout is closed[^\n]+\n$/),
      ])
      expect((await redirected('> /dev/null', ...argv)).code).toBe(0)
    }
  },
)

it.runIf(process.platform === 'linux')(
  'a cleanup removes nothing if its archive goes to a closed stdout',
  async () => {
    await database.sql(
      `insert into workflow_executions (workflow_name, user_id, mode, model_id, start_time, end_time, status)
       values ('closed', 'u', 'm', 'x', '2020-01-01Z', '2020-01-01Z', 'success')`,
    )
    const argv = ['cleanup', '--before', '2021-01-01', '--allow-all', '--yes', '--archive', '-']
    const { code, stderr } = await redirected('>&-', ...argv)
    expect([code, stderr]).toEqual([1, expect.stringMatching(/^error: stdout is closed[^\n]+\n$/)])
    const left = `select from workflow_executions where workflow_name = 'closed'`
    expect(await database.sql(left)).toHaveLength(1)
    expect((await redirected('> /dev/null', ...argv)).code).toBe(0)
    expect(await database.sql(left)).toHaveLength(0)
  },
)

it('a program of Python or Node that discards the output gets the exit code, and a cleanup keeps what it would archive', async () => {
  const { PATH, HOME } = process.env
  const env = { PATH, HOME, DATABASE_URL: database.url }
  const python = `import subprocess, sys
done = subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL)
sys.exit(done.returncode)`
  const byPython = (argv: string[]) => spawn('python3', ['-c', python, ...argv], { env })
  const byNode = ([program, ...argv]: string[]) =>
    spawn(program as string, argv, { env, stdio: ['ignore', 'ignore', 'pipe'] })
  const starters = spawnSync('python3', ['--version']).status === 0 ? [byNode, byPython] : [byNode]
  for (const start of starters) {
    const run = (...argv: string[]) => finish(start([process.execPath, bin, ...argv]))
    expect(await run('executions', 'list')).toMatchObject({ code: 0, stderr: '' })
    expect(await run('--version')).toMatchObject({ code: 0, stderr: '' })
    if (process.platform !== 'linux') continue
    const archived = ['cleanup', '--before', '2021-01-01', '--yes', '--archive', '-']
    expect(await run(...archived)).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('stdout is closed; nothing was changed'),
    })
  }
})
