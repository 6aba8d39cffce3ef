import { beforeAll, describe, expect, it } from 'vitest'
import type { CommandReference } from '../../../src/cli/help/reference.ts'
import { OPTION_SYNONYMS, SYNONYMS } from '../../../src/cli/help/suggest.ts'
import { runCli } from '../../support/cli.ts'
import { everyCommand, readReference } from './support.ts'

let commands: CommandReference[]
beforeAll(async () => {
  commands = everyCommand(await readReference())
})

const hintOf = async (line: string) => {
  const { code, stdout, stderr } = await runCli(line.split(' '))
  expect([line, code, stdout]).toEqual([line, 2, ''])
  return stderr.replace(/^error: .*?(; |\n)/, '').trimEnd()
}

it.each([
  ['delete', 'did you mean `wfstore cleanup`?'],
  ['Logs', 'did you mean `wfstore audit`?'],
  ['invoice', 'did you mean `wfstore billing`?'],
  ['list', 'did you mean `wfstore executions list`?'],
  ['show 01a21d28', 'did you mean `wfstore executions show`?'],
  ['pay', 'did you mean `wfstore billing pay`?'],
  ['init', 'did you mean `wfstore migrate up`?'],
  ['version', 'did you mean `wfstore --version`?'],
  ['migrate rollback', 'did you mean `wfstore migrate down`?'],
  ['billing refund', 'did you mean `wfstore billing correct`?'],
  ['runs kill', 'did you mean `wfstore executions cancel`?'],
  ['executions 01a21d28', 'did you mean `wfstore executions show 01a21d28`?'],
  ['executions lst', 'did you mean list?'],
  ['exections list', 'did you mean executions?'],
  ['exec', 'did you mean executions?'],
  ['migr up', 'did you mean migrate?'],
  ['help invoice', 'did you mean `wfstore billing`?'],
  ['help exit', 'did you mean exit-codes?'],
  ['-o json delete', ''],
  ['executions list --usr x', 'did you mean --user?'],
  ['executions list --work=x', 'did you mean --workflow?'],
  ['executions --statsu failed', 'did you mean --status?'],
  ['executions list --from 7d', 'did you mean --since?'],
  ['executions list -n 5', 'did you mean --limit?'],
  ['cost --by user --format csv', 'did you mean --output?'],
  ['cleanup --days 9 --force', 'did you mean --yes?'],
  ['audit --run 01a21d28', 'did you mean --execution?'],
])('wfstore %s: %s', async (line, hint) => {
  if (line.startsWith('-o json'))
    expect((await runCli(line.split(' '))).stderr).toContain(
      '"hint":"did you mean `wfstore cleanup`?"',
    )
  else expect(await hintOf(line)).toBe(hint)
})

it.each([
  ['lst', 'see `wfstore --help`'],
  ['frobnicate', 'see `wfstore --help`'],
  ['ab', 'see `wfstore --help`'],
  ['start', 'see `wfstore --help`'],
  ['deploy', 'see `wfstore --help`'],
  ['db begin', 'see `wfstore db --help`'],
  ['migrate sideways', 'see `wfstore migrate --help`'],
  ['billing foo', 'see `wfstore billing --help`'],
  ['help nonsense', 'see `wfstore help`'],
  ['executions list --colour', 'did you mean --color?'],
  ['executions list --xyzzy', 'see `wfstore executions list --help`'],
  ['executions list --x', 'see `wfstore executions list --help`'],
  ['executions list -z', 'see `wfstore executions list --help`'],
  ['stats --group-by user', 'see `wfstore stats --help`'],
])('wfstore %s is near nothing: %s', async (line, hint) => {
  expect(await hintOf(line)).toBe(hint)
})

describe('the table of synonyms', () => {
  it('has no word that is a command itself, and only commands that exist', () => {
    const named = new Map(commands.map((command) => [command.command, command]))
    for (const [group, words] of Object.entries(SYNONYMS)) {
      const below = named.get(group)?.commands ?? []
      const taken = below.flatMap(({ command, aliases = [] }) => [
        command.split(' ').at(-1),
        ...aliases,
      ])
      for (const [word, line] of Object.entries(words)) {
        expect(taken).not.toContain(word)
        const command = line.split(' ').filter((part) => !part.startsWith('-'))
        const known = command.join(' ').replace(' prometheus', '')
        expect([word, line, named.has(known)]).toEqual([word, line, true])
      }
    }
  })

  it('has no option of wfstore as another word for itself, and only options that exist', () => {
    const options = new Set(commands.flatMap(({ options }) => options.map(({ long }) => long)))
    for (const long of Object.keys(OPTION_SYNONYMS)) expect(options).toContain(long)
  })
})
