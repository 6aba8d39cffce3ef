import { expect, it } from 'vitest'
import { runCli } from '../../support/cli.ts'
import { createDatabase } from '../../support/database.ts'

it('migrate up and doctor name an encoding that is not UTF8', async () => {
  const database = await createDatabase('ascii', "template0 encoding 'SQL_ASCII' locale 'C'")
  const url = ['--database-url', database.url]
  const said = 'the encoding of this database is SQL_ASCII, not UTF8'
  expect(await runCli(['migrate', 'up', '--dry-run', ...url])).toMatchObject({
    code: 0,
    stderr: expect.stringContaining(said),
  })
  expect(await runCli(['migrate', 'up', ...url])).toMatchObject({
    code: 0,
    stderr: expect.stringContaining(said),
  })
  const { stdout } = await runCli(['doctor', '--json', ...url])
  const checks = JSON.parse(stdout) as { check: string; state: string; finding: string }[]
  expect(checks.find(({ check }) => check === 'server')).toMatchObject({
    state: 'warning',
    finding: expect.stringContaining('the encoding is SQL_ASCII, not UTF8'),
  })
  await database.drop()
})
