import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { ENDPOINTS } from '../src/server/api/endpoints.ts'
import { createDemo, type Tried, tried } from './server/api/support.ts'
import type { TestDatabase } from './support/database.ts'
import { blocksOf, commandsIn } from './support/doc-blocks.ts'

const page = readFileSync(join(import.meta.dirname, '../docs/API.md'), 'utf8')
const commands = blocksOf(page).flatMap(({ language, lines }) =>
  language === 'sh' ? commandsIn(lines) : [],
)

let database: TestDatabase
let api: Tried
beforeAll(async () => {
  database = await createDemo('docs_api')
  api = tried(database)
})
afterAll(async () => {
  await api.close()
  await database.drop()
})

it.each(commands)('%s has an answer', async (command) => {
  const [, header, url] =
    /^curl (?:-i )?(?:-H 'Accept: ([^']+)' )?'http:\/\/127\.0\.0\.1:8787([^']+)'$/.exec(command) ??
    []
  const response = await api.get(String(url), header === undefined ? {} : { accept: header })
  expect([response.status, await response.text()]).toEqual([200, expect.stringMatching(/\S/)])
  if (header !== undefined) expect(response.headers.get('content-type')).toContain(header)
  if (command.startsWith('curl -i'))
    expect(`Link: ${response.headers.get('link')}`).toMatch(
      /^Link: <\/api\/v1\/executions\?limit=100&cursor=[^>]+>; rel="next"$/,
    )
})

it('the error of the page is that of the server', async () => {
  const [shown] = blocksOf(page).filter(({ language }) => language === 'json')
  const response = await api.get('/api/v1/executions?statuss=failed')
  expect(await response.json()).toEqual(JSON.parse(String(shown?.lines.join('\n'))))
})

it('the page has each path that reads', () => {
  const paths = ENDPOINTS.filter(({ kind }) => kind === 'read').map(({ path }) => path)
  const missing = paths.filter((path) => !page.includes(`\`${path.replace(':id', '{id}')}\``))
  expect(missing).toEqual([])
})
