import { expect, it } from 'vitest'
import { createDatabase, loadLegacy } from '../../support/database.ts'

it('the legacy fixture has the rows of the old application', async () => {
  const database = await createDatabase('legacy')
  await loadLegacy(database)
  expect(
    await database.sql(
      'select count(*)::int as n, sum(total_cost) as cost from workflow_executions',
    ),
  ).toEqual([{ n: 160, cost: expect.any(String) }])
  await database.drop()
})
