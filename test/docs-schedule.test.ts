import { execFileSync, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { parse } from 'yaml'
import { fillDemo } from '../src/demo/fill.ts'
import type { TestDatabase } from './support/database.ts'
import { blocksOf } from './support/doc-blocks.ts'
import { createMigrated } from './support/migrated.ts'

/** Jobs run as their scheduler starts them: with the environment of the file alone, and nothing of this process. */
const root = join(import.meta.dirname, '..')
let database: TestDatabase
let folder: string
beforeAll(async () => {
  database = await createMigrated('docs_schedule')
  const client = await database.connect()
  // Two days ago, so that at any time of day some runs are older than 90 days.
  await fillDemo(client, new Date(Date.now() - 2 * 86_400_000))
  await client.end()
  folder = mkdtempSync(join(tmpdir(), 'wfstore-schedule-'))
  for (const name of ['bin', 'var/archive', 'srv/reports', 'var/lib/node_exporter'])
    mkdirSync(join(folder, name), { recursive: true })
  symlinkSync(join(root, 'bin/wfstore.js'), join(folder, 'bin/wfstore'))
  symlinkSync(process.execPath, join(folder, 'bin/node'))
})
afterAll(async () => {
  await database.drop()
  rmSync(folder, { recursive: true })
})

const blocks = (language: string) =>
  readdirSync(join(root, 'docs'))
    .filter((name) => name.endsWith('.md'))
    .flatMap((name) => blocksOf(readFileSync(join(root, 'docs', name), 'utf8')))
    .filter((block) => block.language === language)
    .map(({ lines }) => lines)

/** A text of the page with the folders and the database of this test. */
const here = (text: string) =>
  text
    .replaceAll('/usr/local/bin', join(folder, 'bin'))
    .replaceAll(/\/(?=(?:var|srv)\/)/g, `${folder}/`)
    .replaceAll(/postgresql:\/\/\S+/g, database.url)

const start = (command: string, env: Record<string, string>) =>
  execFileSync('/bin/sh', ['-c', command], { cwd: folder, env, encoding: 'utf8' })

const CRON_JOB = /^(?:[\d*/,-]+ ){5}(.*)$/
const assignments = (lines: readonly string[]) =>
  Object.fromEntries(
    lines.flatMap((line) => {
      const [, name, value] = /^(?:Environment=)?([A-Z_]+)=(.*)$/.exec(line) ?? []
      return name === undefined ? [] : [[name, here(value as string)]]
    }),
  )

it('the crontabs run as they are written', () => {
  let ran = 0
  for (const lines of blocks('crontab')) {
    // A file in /etc/cron.d has the user before the command.
    const system = lines.some((line) => line.includes('/etc/cron.d/'))
    for (const line of lines) {
      const [, job] = CRON_JOB.exec(line) ?? []
      if (job === undefined) continue
      // In a crontab an unescaped % ends the command.
      expect(job).not.toMatch(/(?<!\\)%/)
      const command = (system ? job.replace(/^\S+ /, '') : job).replaceAll('\\%', '%')
      start(here(command), { PATH: '/usr/bin:/bin', HOME: folder, ...assignments(lines) })
      ran++
    }
  }
  expect(ran).toBeGreaterThan(2)
  expect(readdirSync(join(folder, 'var/archive/wfstore'))).not.toEqual([])
})

const services = (isJob: boolean) =>
  blocks('ini').filter(
    (lines) => lines.includes('[Service]') && lines.includes('Type=oneshot') === isJob,
  )

it('the systemd unit runs as it is written', () => {
  const jobs = services(true)
  expect(jobs).toHaveLength(1)
  for (const lines of jobs) {
    const command = lines.find((line) => line.startsWith('ExecStart='))?.slice('ExecStart='.length)
    expect(command).toMatch(/^\//)
    start(here(command as string), assignments(lines))
  }
})

it('the systemd units of servers start, and their stop is no failure', async () => {
  start('wfstore token create --name docs', {
    PATH: join(folder, 'bin'),
    DATABASE_URL: database.url,
  })
  const units = services(false)
  expect(units).toHaveLength(2)
  for (const lines of units) {
    const command = lines.find((line) => line.startsWith('ExecStart='))?.slice('ExecStart='.length)
    const [program = '', ...words] = here(command as string)
      .replace(/(?<=--listen \S+):\d+/, ':0')
      .split(' ')
    const server = spawn(program, words, { cwd: folder, env: assignments(lines) })
    const [line] = await once(server.stderr, 'data')
    expect(String(line)).toMatch(/^listening on /)
    server.kill('SIGTERM')
    const [code] = await once(server, 'exit')
    expect(lines).toContain(`SuccessExitStatus=${code}`)
  }
})

/** systemd checks a file of this name. */
it.runIf(existsSync('/usr/bin/systemd-analyze'))('systemd accepts the units of servers', () => {
  for (const lines of services(false)) {
    const name = /[\w-]+\.service$/.exec(lines[0] as string)?.[0] as string
    const file = join(folder, name)
    // The checking machine has no such user.
    writeFileSync(
      file,
      lines
        .join('\n')
        .replaceAll('/usr/local/bin', join(folder, 'bin'))
        .replace(/^User=.*/m, 'User=root'),
    )
    const { status, stderr } = spawnSync('systemd-analyze', ['verify', file], { encoding: 'utf8' })
    // It also names what is wrong with other units of the machine.
    expect(stderr.split('\n').filter((line) => line.includes(name))).toEqual([])
    expect(status).toBe(0)
  }
})

it('the arguments of the Kubernetes job are a cleanup', () => {
  const [job = [], ...others] = blocks('yaml').filter((lines) => lines.includes('kind: CronJob'))
  expect(others).toEqual([])
  const { spec } = parse(job.join('\n')).spec.jobTemplate.spec.template
  const words: string[] = spec.containers[0].args
  const result = JSON.parse(
    execFileSync(join(folder, 'bin/wfstore'), words, {
      env: { PATH: join(folder, 'bin'), DATABASE_URL: database.url },
      cwd: folder,
      encoding: 'utf8',
    }),
  )
  expect(result).toMatchObject({ outcome: 'done' })
})
