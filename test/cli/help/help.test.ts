import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, it } from 'vitest'
import type { CommandReference } from '../../../src/cli/help/reference.ts'
import { displayWidth } from '../../../src/cli/output/text/width.ts'
import { runCli } from '../../support/cli.ts'
import { expectGolden } from '../../support/golden.ts'
import { everyCommand, readReference } from './support.ts'

const root = join(import.meta.dirname, '../../..')

let program: CommandReference
let commands: CommandReference[]
beforeAll(async () => {
  program = await readReference()
  commands = everyCommand(program)
})

const pageOf = async ({ command }: CommandReference, terminal = 80) => {
  const argv = [...command.split(' ').filter(Boolean), '--help']
  const { code, stdout, stderr } = await runCli(argv, { terminal })
  expect([argv, code, stderr]).toEqual([argv, 0, ''])
  return stdout
}

it('each page fits a screen of 80 columns and 24 lines, that of all commands 40 lines', async () => {
  for (const command of commands) {
    const lines = (await pageOf(command)).trimEnd().split('\n')
    const tooLong = lines.length > (command.command === '' ? 40 : 24)
    expect([command.command, tooLong ? lines.length : 'fits']).toEqual([command.command, 'fits'])
    const wide = lines.filter((line) => displayWidth(line) > 80)
    expect([command.command, wide]).toEqual([command.command, []])
  }
})

it('a wider terminal has the same pages, and a narrow one lines that fit', async () => {
  for (const command of commands) expect(await pageOf(command, 300)).toBe(await pageOf(command))
  const list = commands.find(({ command }) => command === 'executions list') as CommandReference
  const options = (await pageOf(list, 70)).split('\n\nExamples')[0] as string
  expect(options.split('\n').filter((line) => displayWidth(line) > 70)).toEqual([])
})

it('no page refers to a file of the repository, which the package does not have', async () => {
  for (const command of commands) expect(await pageOf(command)).not.toMatch(/docs\/|\.md\b/)
})

it('every command has an example of itself', () => {
  const without = commands.filter(({ command, commands: below, examples }) => {
    const isTopic = command.startsWith('help ')
    const shown = examples.some((line) => line.includes(`wfstore ${command}`))
    return !shown && below.length === 0 && !isTopic
  })
  expect(without.map(({ command }) => command)).toEqual([])
})

it('every option and argument has a kind of value', () => {
  const unknown = commands.flatMap(({ command, options, arguments: given }) => [
    ...options
      .filter(({ value, kind, choices }) => value !== 'none' && !kind && !choices)
      .map(({ long }) => `${command} ${long}`),
    ...given
      .filter(({ kind, choices }) => !kind && !choices)
      .map(({ name }) => `${command} ${name}`),
  ])
  expect(unknown).toEqual([])
})

it('docs/COMMANDS.md has every command, option, default and example, as the program has them', async () => {
  const parts = [INTRODUCTION]
  for (const command of commands) {
    const { command: name } = command
    const heading = name === '' ? 'wfstore' : `wfstore ${name}`
    const page = (await pageOf(command)).trimEnd()
    parts.push(`${name.includes(' ') ? '###' : '##'} ${heading}\n\n\`\`\`text\n${page}\n\`\`\``)
  }
  expectGolden('../../docs/COMMANDS.md', `${parts.join('\n\n')}\n`)
})

const INTRODUCTION = `# Commands

The output of \`wfstore <command> --help\` and \`wfstore help <topic>\`. \`wfstore help --json\` has the same for programs. A test compares this
page with the program; \`UPDATE_GOLDEN=1 npx vitest run test/cli/help/help.test.ts\` updates it.`

describe('wfstore help', () => {
  it.each([
    ['help executions list', 'executions list --help'],
    ['help billing', 'billing --help'],
    ['help', '--help'],
    ['help help', 'help --help'],
    ['help time', 'help time --help'],
  ])('%s is %s', async (line, other) => {
    const said = await runCli(line.split(' '))
    expect(said).toEqual(await runCli(other.split(' ')))
    expect([said.code, said.stderr]).toEqual([0, ''])
  })

  it.each([
    ['help tiem', "error: unknown command or topic 'tiem'; did you mean time?"],
    ['help exections', "error: unknown command or topic 'exections'; did you mean executions?"],
    ['help executions lst', "error: unknown command or topic 'executions lst'; did you mean list?"],
    ['help nonsense', "error: unknown command or topic 'nonsense'; see `wfstore help`"],
    [
      'completion tcsh',
      "error: command-argument value 'tcsh' is invalid for argument 'shell'. It must be one of bash, zsh, fish",
    ],
  ])('%s: exit 2 and one line', async (line, answer) => {
    expect(await runCli(line.split(' '))).toEqual({ code: 2, stdout: '', stderr: `${answer}\n` })
  })

  it('is prepared by the build, so an invalid config does not matter', () => {
    const pages = readdirSync(join(root, 'dist/help'))
    expect(pages).toContain('wfstore.help.exit-codes.txt')
  })
})

it('help exit-codes has the codes of the README', async () => {
  const codes = (text: string, pattern: RegExp) =>
    [...text.matchAll(pattern)].flatMap((match) => (match[1] as string).split(', '))
  const { stdout } = await runCli(['help', 'exit-codes'])
  const readme = readFileSync(join(root, 'README.md'), 'utf8')
  expect(codes(stdout, /^ {2}(\d+) /gm)).toEqual(codes(readme, /^\| (\d[\d, ]*?) *\|/gm))
})

it('help options has every option of all commands', async () => {
  const { stdout } = await runCli(['help', 'options'])
  for (const { flags } of program.options) expect(stdout).toContain(`  ${flags}  `)
})
