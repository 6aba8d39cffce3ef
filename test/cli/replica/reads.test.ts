import { expect, it } from 'vitest'
import { COMMANDS } from '../../../src/cli/command-table.ts'
import { everyCommand, readReference } from '../help/support.ts'

it('each command writes, reads from a replica, or has a reason to read from the primary', async () => {
  const program = await readReference()
  const groups = ['executions', 'metrics', 'billing', 'prices', 'archive', 'migrate', 'db']
  const undecided = everyCommand(program).flatMap(({ command }) => {
    const [first = '', last = first] = command.split(' ')
    const entry = COMMANDS.find(({ name }) => name === first)
    if (!entry || groups.includes(command) || first === 'help') return []
    const ways = [
      Object.hasOwn(entry.writes ?? {}, last) && entry.writes?.[last] !== 'lets',
      entry.reads?.includes(last),
      Object.hasOwn(entry.primary ?? {}, last),
    ]
    return ways.filter(Boolean).length === 1 ? [] : [command]
  })
  expect(undecided).toEqual([])
})

it('the table names only commands that exist', async () => {
  const known = everyCommand(await readReference()).map(({ command }) => command.split(' '))
  /** Other names of commands, which help does not list. */
  const hidden = ['audit list', 'errors list', 'tools list', 'billing report']
  for (const { name, reads = [], primary = {} } of COMMANDS)
    for (const each of [...reads, ...Object.keys(primary)]) {
      const found = known.some(([first, last = first]) => first === name && last === each)
      expect([`${name} ${each}`, found || hidden.includes(`${name} ${each}`)]).toEqual([
        `${name} ${each}`,
        true,
      ])
    }
})
