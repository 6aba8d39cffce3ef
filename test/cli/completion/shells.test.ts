// What bash, zsh and fish make of it, typed into each on a terminal of its own: the words that arrive at the command.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { TestDatabase } from '../../support/database.ts'
import { createMigrated } from '../../support/migrated.ts'

const root = join(import.meta.dirname, '../../..')
const isThere = (name: string) =>
  (process.env.PATH ?? '').split(delimiter).some((folder) => existsSync(join(folder, name)))

interface Shell {
  name: string
  /** The options that run it without user settings, and the text that loads the completions. */
  start: string
  prepare: string
}

const SHELLS: Shell[] = [
  {
    name: 'bash',
    start: 'bash --norc --noprofile -i',
    prepare: 'source <(wfstore completion bash)',
  },
  {
    name: 'zsh',
    start: 'zsh -f -i',
    prepare: 'autoload -Uz compinit; compinit -D -u; source <(wfstore completion zsh)',
  },
  { name: 'fish', start: 'fish --no-config -i', prepare: 'wfstore completion fish | source' },
]

/** Ids of users, who choose them: each is meant to run something, or to fall into pieces. */
const USERS = [
  'a0 blank',
  `a1"double'single`,
  'a2$(touch ran)`touch ran`;touch ran',
  'a3\\back\\',
  'a4!bang',
  'a5:colon=equal@host',
  'a6*?[x]{1,2}',
  'a7&|<>(touch ran)',
  'a8客户 ✓',
  'a9#hash ~tilde %j ^x',
  `b1'$(touch ran)'"$(touch ran)"`,
  '-c0 --dash',
  '~c1',
  '$HOME',
]

/** As far as it is typed, and whom that means. */
const TYPED: [typed: string, user: string][] = [
  ...USERS.map((user): [string, string] => {
    const typed = /^[a-z]/.test(user) ? user.slice(0, 2) : user.slice(0, 1)
    return [typed.replace(/[~$]/, '\\$&'), user]
  }),
  ['a0\\ bl', 'a0 blank'],
  ['"a0 bl', 'a0 blank'],
  ["'a2", 'a2$(touch ran)`touch ran`;touch ran'],
  ['"b', `b1'$(touch ran)'"$(touch ran)"`],
  ['a5:col', 'a5:colon=equal@host'],
]

it('the shells that WFSTORE_TEST_SHELLS=1 promises are on PATH', () => {
  const missing = [...SHELLS.map(({ name }) => name), 'script'].filter((name) => !isThere(name))
  if (process.env.WFSTORE_TEST_SHELLS === '1') expect(missing).toEqual([])
})

let database: TestDatabase
let folder: string
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'wfstore-shells-'))
  const recorder = `#!/bin/sh
case $1 in
  complet*) exec node '${join(root, 'bin/wfstore.js')}' "$@" ;;
esac
printf '%s\\0' "$@" '' >> "$RECORD"
`
  writeFileSync(join(folder, 'wfstore'), recorder)
  chmodSync(join(folder, 'wfstore'), 0o755)
  database = await createMigrated('completion_shells')
  await database.sql(
    `insert into workflow_executions (workflow_name, user_id, mode, model_id)
     select 'Lead enrichment', "user", 'fast', 'm' from unnest($1::text[]) as of ("user")`,
    [[...USERS, 'e0\u001b[31mred', 'e1\u202egnp.exe', 'e2\u0007bell', 'f0\nline\n', 'f1\ttab']],
  )
})
afterAll(async () => {
  await database.drop()
  rmSync(folder, { recursive: true })
})

describe.concurrent.each(SHELLS)('$name', ({ name, start, prepare }) => {
  /** Types lines into it, each with its TABs, and gives the words of the commands that came of them, and the screen. */
  async function type(lines: readonly string[], env: Record<string, string> = {}) {
    const record = join(mkdtempSync(join(folder, `${name}-`)), 'words')
    writeFileSync(record, '')
    const child = spawn('script', ['-qec', start, '/dev/null'], {
      cwd: folder,
      env: {
        ...{ PATH: `${folder}${delimiter}${process.env.PATH}`, HOME: folder, TERM: 'xterm' },
        ...{ LANG: 'C.UTF-8', HISTFILE: '/dev/null', RECORD: record, PS1: '$ ' },
        ...{ DATABASE_URL: database.url, WFSTORE_COMPLETION_MS: '30000', ...env },
      },
    })
    let screen = ''
    child.stdout.on('data', (chunk) => {
      screen += chunk
    })
    child.stdin.end(`${[prepare, ...lines, 'exit'].join('\n')}\n`)
    await once(child, 'close')
    // Each command ends with an empty word.
    const commands = readFileSync(record, 'utf8').split('\0\0').filter(Boolean)
    return { words: commands.map((command) => command.split('\0')), screen }
  }

  const runIf = it.runIf(isThere(name) && isThere('script'))

  runIf('completes commands, options and their values', async ({ expect }) => {
    const { words, screen } = await type([
      'wfstore execu\tli\t--stat\tfai\t',
      'wfstore executions list --status=fai\t',
      'wfstore cost --by user,mon\t',
      'wfstore cost --tz Europe/Berl\t',
      'wfstore help exit\t',
    ])
    expect(words, screen).toEqual([
      ['executions', 'list', '--status', 'failed'],
      ['executions', 'list', '--status=failed'],
      ['cost', '--by', 'user,month'],
      ['cost', '--tz', 'Europe/Berlin'],
      ['help', 'exit-codes'],
    ])
  })

  runIf(
    'completes what users have called themselves, whole, and runs nothing of it',
    async ({ expect }) => {
      const { words, screen } = await type(
        TYPED.map(([typed]) => `wfstore stats --user ${typed}\t`),
      )
      expect(words, screen).toEqual(TYPED.map(([, user]) => ['stats', '--user', user]))
      expect(existsSync(join(folder, 'ran'))).toBe(false)
    },
  )

  runIf('completes files where a file is meant', async ({ expect }) => {
    writeFileSync(join(folder, 'history.jsonl'), '')
    const { words, screen } = await type([
      'wfstore import hist\t',
      'wfstore report --out hist\t',
      'PGHOST=x wfstore export --out=hist\t',
    ])
    expect(words, screen).toEqual([
      ['import', 'history.jsonl'],
      ['report', '--out', 'history.jsonl'],
      ['export', '--out=history.jsonl'],
    ])
  })

  runIf('offers nothing that a terminal would obey', async ({ expect }) => {
    const { words, screen } = await type([
      'wfstore stats --user e\t\t',
      'wfstore stats --user f0\t',
    ])
    // fish takes a line for a value, and so gets none that has two.
    const [ofTwoLines] = name === 'fish' ? ['f0'] : ['f0\nline\n']
    expect(words, screen).toEqual([
      ['stats', '--user', 'e'],
      ['stats', '--user', ofTwoLines],
    ])
    for (const part of ['31mred', 'gnp.exe', 'bell']) expect(screen).not.toContain(part)
  })

  runIf('says nothing where there is no database', async ({ expect }) => {
    const { words, screen } = await type(['wfstore stats --user a\t'], {
      DATABASE_URL: 'postgresql://127.0.0.1:1/none',
    })
    expect(words, screen).toEqual([['stats', '--user', 'a']])
    expect(screen).not.toMatch(/error|ECONNREFUSED/)
  })
})
