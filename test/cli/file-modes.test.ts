import { chmodSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { writeWhole } from '../../src/files.ts'
import { openSpool } from '../../src/record/spool/queue.ts'
import { runCli } from '../support/cli.ts'
import type { TestDatabase } from '../support/database.ts'
import { dataFolder } from '../support/folder.ts'
import { createMigrated } from '../support/migrated.ts'
import { everyCommand, readReference } from './help/support.ts'

let database: TestDatabase
let folder: string
const umask = process.umask()

beforeAll(async () => {
  database = await createMigrated('file_modes')
})
afterAll(() => database.drop())
beforeEach(async () => {
  folder = dataFolder('modes')
  await database.sql(`truncate workflow_executions, workflow_steps, audit_logs, usage_history, audit_history;
    insert into workflow_executions (workflow_name, user_id, mode, model_id, start_time, end_time, status)
      select 'w', 'u', 'm', 'x', time, time, 'success'
      from unnest(array[1, 2, 20000000]) n cross join lateral (select timestamptz '2026-01-01Z' + n * interval '1 s' as time) t`)
})
afterEach(() => {
  process.umask(umask)
})

async function run(...argv: string[]): Promise<string> {
  const given = [...argv, '--database-url', database.url]
  const { code, stderr } = await runCli(given, { cwd: folder })
  expect([code, stderr], argv.join(' ')).toEqual([0, expect.any(String)])
  return stderr
}

/** Every command that writes a file, and the option that names it. */
const WRITERS: Record<string, string[]> = {
  'export --out': ['export', '--out', 'made.jsonl.gz'],
  'report --out': ['report', '--out', 'made.html'],
  'cleanup --archive': ['cleanup', '--before', '2026-02-01', '--archive', 'new/made', '--yes'],
}

const modeOf = (path: string) => (statSync(path).mode & 0o777).toString(8)

/** The rights of all files and folders below the folder. */
const made = () =>
  readdirSync(folder, { recursive: true, withFileTypes: true }).map((entry) => {
    const mode = modeOf(join(entry.parentPath, entry.name))
    return `${entry.isDirectory() ? 'folder' : 'file'} ${mode}`
  })

it('every command with an option for a file is looked at here', async () => {
  const names = everyCommand(await readReference()).flatMap(({ command, options }) =>
    options
      .filter(({ long }) => long === '--out' || long === '--archive' || long === '--file-mode')
      .map(({ long }) => `${command} ${long}`),
  )
  const expected = Object.keys(WRITERS).flatMap((name) => [
    name,
    name.replace(/--.*/, '--file-mode'),
  ])
  // It has the rights of a folder of archives, which no option changes: converted files are a copy of what is there.
  expect(names.filter((name) => name !== 'archive convert --out').sort()).toEqual(expected.sort())
})

describe.each([0o000, 0o022, 0o077])('with umask %o', (mask) => {
  it.each(Object.entries(WRITERS))(
    '%s makes files and folders for their owner',
    async (_, argv) => {
      process.umask(mask)
      await run(...argv)
      expect(new Set(made())).toEqual(
        new Set(argv[0] === 'cleanup' ? ['folder 700', 'file 600'] : ['file 600']),
      )
    },
  )

  it.each(Object.entries(WRITERS))('%s gives the rights of --file-mode', async (_, argv) => {
    process.umask(mask)
    await run(...argv, '--file-mode', '0640')
    expect(new Set(made())).toEqual(
      new Set(argv[0] === 'cleanup' ? ['folder 750', 'file 640'] : ['file 640']),
    )
  })

  it('a file is for its owner while it is written, too', async () => {
    process.umask(mask)
    async function* data() {
      yield Buffer.alloc(1024 * 1024, 'x')
      expect(made()).toEqual(['file 600'])
      yield Buffer.from('x')
    }
    await writeWhole(join(folder, 'made'), data(), { fileMode: 0o644 })
    expect(made()).toEqual(['file 644'])
  })

  it('a spool is for its owner', () => {
    process.umask(mask)
    const spool = openSpool(join(folder, 'spool'), 1000)
    spool.append('{}')
    spool.compact(['{}'])
    expect(new Set(made())).toEqual(new Set(['file 600']))
    spool.close()
  })
})

it('a file that is replaced keeps its rights, and --file-mode changes them', async () => {
  const path = join(folder, 'made.html')
  writeFileSync(path, 'old')
  chmodSync(path, 0o664)
  await run('report', '--out', 'made.html')
  expect(modeOf(path)).toBe('664')
  await run('report', '--out', 'made.html', '--file-mode', '600')
  expect(modeOf(path)).toBe('600')
  expect(readFileSync(path, 'utf8')).toContain('<html')
})

it('an archive does not change a folder that exists', async () => {
  mkdirSync(join(folder, 'new'))
  chmodSync(join(folder, 'new'), 0o775)
  await run(...(WRITERS['cleanup --archive'] as string[]), '--file-mode', '640')
  expect(modeOf(join(folder, 'new'))).toBe('775')
  expect(modeOf(join(folder, 'new/made'))).toBe('750')
})

describe('--file-mode', () => {
  const refused = async (...argv: string[]) => {
    const { code, stderr } = await runCli([...argv, '--database-url', database.url])
    return [code, stderr.split('\n')[0]]
  }

  it.each(['0', '640 ', '0644x', '888', '755', '440', '1640', 'u=rw'])(
    '%j is refused',
    async (mode) => {
      expect(await refused('export', '--out', join(folder, 'x'), '--file-mode', mode)).toEqual([
        2,
        expect.stringContaining('such as 0640'),
      ])
    },
  )

  it.each([
    ['export', '--out with a file', ['export']],
    ['export to stdout', '--out with a file', ['export', '--out', '/dev/stdout']],
    ['report', '--out with a file', ['report']],
    ['cleanup', '--archive with a folder', ['cleanup', '--days', '9', '--yes']],
    ['cleanup to stdout', '--archive with a folder', ['cleanup', '--days', '9', '--archive', '-']],
    [
      'cleanup to a device',
      '--archive with a folder',
      ['cleanup', '--days', '9', '--archive', '/dev/null'],
    ],
  ])('of %s needs a file', async (_, what, argv) => {
    expect(await refused(...argv, '--file-mode', '640')).toEqual([
      2,
      expect.stringContaining(`--file-mode requires ${what}`),
    ])
  })

  it('of a device is refused', async () => {
    expect(await refused('export', '--out', '/dev/null', '--file-mode', '640')).toEqual([
      2,
      'error: --file-mode cannot be used with /dev/null: it is not a file',
    ])
  })
})
