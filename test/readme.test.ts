import { readFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { runCli } from './support/cli.ts'
import { createMigrated } from './support/migrated.ts'

const readme = readFileSync(new URL('../README.md', import.meta.url), 'utf8')

it('every command in the README works', async () => {
  const database = await createMigrated('readme')
  const shown = [
    ...readme.matchAll(
      /^(?:npx )?wfstore ((?:executions|errors|audit|stats|cost|tools|billing|metrics) .*?)(?: *(?:#|>).*)?$/gm,
    ),
  ].map((match) => match[1] as string)
  expect(shown.length).toBeGreaterThanOrEqual(9)
  for (const line of shown) {
    const watching = /--(watch|follow)\b/.test(line)
    const signal = AbortSignal.abort('SIGINT')
    const { code, stderr } = await runCli(
      [...line.split(' '), '--database-url', database.url],
      watching ? { terminal: 80, signal } : {},
    )
    const expected = watching ? 130 : line.includes('show') ? 6 : 0
    expect([line, code, stderr.includes('unknown')]).toEqual([line, expected, false])
  }
  await database.drop()
})

it('the README lists all exit codes', () => {
  const codes = [...readme.matchAll(/^\| (\d[\d, ]*?) *\|/gm)].flatMap((match) =>
    (match[1] as string).split(', '),
  )
  expect(codes).toEqual(['0', '1', '2', '3', '4', '5', '6', '130', '143'])
})
