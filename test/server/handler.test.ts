import pg from 'pg'
import { afterAll, expect, it } from 'vitest'
import { fillDemo } from '../../src/demo/fill.ts'
import {
  createHandler,
  type HandlerOptions,
  openStore,
  type Store,
  WfstoreError,
} from '../../src/index.ts'
import { openPool } from '../support/database.ts'
import { createMigrated } from '../support/migrated.ts'

const database = await createMigrated('handler')
const client = await database.connect()
await fillDemo(client, new Date())
await client.end()
const store = openStore({ databaseUrl: database.url })
const pool = openPool({ connectionString: database.url })
afterAll(async () => {
  await store.close()
  await pool.end()
  await database.drop()
})

const authorize = () => ({ name: 'maria', can: 'read' as const })
const get = (path: string, handler = createHandler({ store, authorize })) =>
  handler(new Request(`http://localhost${path}`))

it('a handler answers requests over the connections of its store', async () => {
  const answer = await get('/readyz')
  expect([answer.status, await answer.json()]).toEqual([200, { status: 'ok' }])
})

it('the store may be open on a Pool of the application, which stays open', async () => {
  const handler = createHandler({ store: openStore({ pool }), authorize })
  expect((await get('/readyz', handler)).status).toBe(200)
  expect((await pool.query('select 1 as one')).rows).toEqual([{ one: 1 }])
})

it('below a base path, with or without a slash at its end, it answers there and nowhere else', async () => {
  for (const basePath of ['/wfstore', '/wfstore/', '/a/b-c.d']) {
    const handler = createHandler({ store, authorize, basePath })
    const path = basePath.replace(/\/$/, '')
    for (const page of [path, `${path}/`]) expect((await get(page, handler)).status).toBe(200)
    expect((await get(`${path}/healthz`, handler)).status).toBe(200)
    expect((await get('/healthz', handler)).status).toBe(404)
  }
})

/** The options with one of them wrong, and the error. */
const WRONG: [given: Record<string, unknown>, message: RegExp][] = [
  [{ authorize: undefined }, /^createHandler has no authorize$/],
  [{ authorize: true }, /^authorize of createHandler is not a function$/],
  [{ userOf: 'maria' }, /^userOf of createHandler is not a function$/],
  [{ basepath: '/wfstore' }, /^createHandler has no option basepath$/],
  [{ basePath: 'wfstore' }, /^basePath of createHandler is not a path$/],
  [{ basePath: '/:id' }, /^basePath of createHandler is not a path$/],
  [{ basePath: ['/wfstore'] }, /^basePath of createHandler is not a path$/],
  [{ cors: '*' }, /^cors of createHandler is not a list of origins$/],
  [{ cors: ['https://a.example/'] }, /^cors of createHandler is not a list of origins$/],
  [
    { statementTimeoutMs: '30s' },
    /^statementTimeoutMs of createHandler is not a number of milliseconds$/,
  ],
  [
    { statementTimeoutMs: 0 },
    /^statementTimeoutMs of createHandler is not a number of milliseconds$/,
  ],
  [{ allowWrites: 'yes' }, /^allowWrites of createHandler is not true or false$/],
  [{ signal: {} }, /^signal of createHandler is not an AbortSignal$/],
  [{ store: undefined }, /^store is not a store that openStore has returned$/],
  [{ store: { ...store } }, /^store is not a store that openStore has returned$/],
]
it.each(WRONG)('%j is refused at once', (given, message) => {
  const options = { store, authorize, ...given } as HandlerOptions
  expect(() => createHandler(options)).toThrow(
    expect.objectContaining({ code: 'usage', message: expect.stringMatching(message) }),
  )
})

it('no options at all are refused too', () => {
  const create = createHandler as (options?: unknown) => unknown
  for (const given of [undefined, null, 1, []])
    expect(() => create(given)).toThrow(expect.objectContaining({ code: 'usage' }))
})

it('a store on one Client is refused: requests would share its transaction', async () => {
  const client = new pg.Client(database.url)
  const create = (of: Store) => () => createHandler({ store: of, authorize })
  expect(create(openStore({ pool: client }))).toThrow(/is open on one Client/)
  await client.end()
})

it('onError gets an error of the database as a WfstoreError', async () => {
  const errors: unknown[] = []
  const nowhere = openStore({ databaseUrl: 'postgresql://127.0.0.1:9/none' })
  const handler = createHandler({
    store: nowhere,
    authorize,
    onError: (error) => errors.push(error),
  })
  expect((await get('/readyz', handler)).status).toBe(503)
  expect(errors).toEqual([expect.any(WfstoreError)])
  expect(errors).toMatchObject([{ code: 'unreachable' }])
  await nowhere.close()
})

/** The answer for a page, if `authorize` is this. */
async function authorized(authorizes: (request: Request) => unknown) {
  const errors: unknown[] = []
  const handler = createHandler({
    store,
    authorize: authorizes as HandlerOptions['authorize'],
    onError: (error) => errors.push(error),
  })
  const answer = await get('/metrics', handler)
  return { status: answer.status, headers: answer.headers, text: await answer.text(), errors }
}

it('authorize decides who is answered', async () => {
  expect(await authorized(() => ({ name: 'maria', can: 'read' }))).toMatchObject({ status: 200 })
  expect(await authorized(async () => ({ name: 'maria', can: 'write' }))).toMatchObject({
    status: 200,
  })
  const { status, text } = await authorized(() => undefined)
  expect([status, JSON.parse(text).error.message]).toEqual([
    401,
    'the application does not let this request in',
  ])
})

it('authorize that throws is a 500 without content, and its error goes to onError', async () => {
  const failure = new WfstoreError('not_found', 'the session of maria is not there')
  const fails = () => {
    throw failure
  }
  for (const authorizes of [fails, () => Promise.reject(failure)])
    expect(await authorized(authorizes)).toMatchObject({ status: 500, text: '', errors: [failure] })
})

it.each([true, null, 'maria', {}, { name: 'maria' }, { name: '', can: 'read' }, { can: 'write' }])(
  'authorize that returns %j lets nothing in',
  async (given) => {
    const { status, text, errors } = await authorized(() => given)
    expect([status, text]).toEqual([500, ''])
    expect(errors).toMatchObject([{ message: 'authorize has not returned a caller' }])
  },
)

it('a Response of authorize is sent as it is', async () => {
  const html = () =>
    new Response('<script>1</script>', { headers: { 'content-type': 'text/html' } })
  const { status, headers, text } = await authorized(html)
  expect([status, text, [...headers]]).toEqual([
    200,
    '<script>1</script>',
    [['content-type', 'text/html']],
  ])
  const redirect = await authorized(() => Response.redirect('https://example.com/login', 302))
  expect([redirect.status, [...redirect.headers]]).toEqual([
    302,
    [['location', 'https://example.com/login']],
  ])
})

it('probes and assets need no caller', async () => {
  const handler = createHandler({ store, authorize: () => undefined })
  expect((await get('/healthz', handler)).status).toBe(200)
  expect((await get('/metrics', handler)).status).toBe(401)
})

it('below a base path every link, asset, form and redirect is below it too, and so is the server of openapi.json', async () => {
  const handler = createHandler({ store, authorize, basePath: '/a/wfstore' })
  const seen = new Set<string>()
  const outside: string[] = []
  const ahead = ['/a/wfstore']
  for (let link = ahead.pop(); link !== undefined; link = ahead.pop()) {
    // One page of each kind.
    const [path = ''] = link.replace(/[0-9a-f]{8}-[0-9a-f-]+/, ':id').split(/[?#]/)
    if (seen.has(path)) continue
    seen.add(path)
    const answer = await get(link, handler)
    expect([link, answer.status]).toEqual([link, 200])
    const type = answer.headers.get('content-type') ?? ''
    const text = type.includes('text/html') ? await answer.text() : ''
    const links = [...text.matchAll(/\s(?:href|src|action|data-[\w-]+)="([^"]*)"/g)]
      .map(([, value = '']) => value.replaceAll('&amp;', '&'))
      .filter((value) => value.startsWith('/'))
    outside.push(...links.filter((value) => !value.startsWith('/a/wfstore')))
    if (!path.includes('/events'))
      ahead.push(...links.filter((value) => !value.includes('/events')))
    if (type.includes('event-stream')) await answer.body?.cancel()
  }
  expect(outside).toEqual([])
  expect([...seen].filter((path) => path.startsWith('/a/wfstore/assets/')).length).toBeGreaterThan(
    1,
  )
  expect([...seen]).toEqual(expect.arrayContaining(['/a/wfstore/executions', '/a/wfstore/bills']))
  const description = await (await get('/a/wfstore/openapi.json', handler)).json()
  expect(description).toMatchObject({ servers: [{ url: '/a/wfstore/api/v1' }] })
})

const act = (can: 'read' | 'write', options: Partial<HandlerOptions>) =>
  createHandler({ store, authorize: () => ({ name: 'maria', can }), ...options })(
    new Request('http://localhost/api/v1/executions/fail', {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'idempotency-key': 'k1' },
      body: '{"older-than":"1d","dry-run":true}',
    }),
  )

it('actions need allowWrites and a caller that can write', async () => {
  expect((await act('write', {})).status).toBe(403)
  expect((await act('read', { allowWrites: true })).status).toBe(403)
  const answer = await act('write', { allowWrites: true })
  expect([answer.status, await answer.json()]).toEqual([200, expect.any(Object)])
})

it('the old routes are answered for the users of userOf, and are not there without it', async () => {
  const path = '/api/workflow?type=running'
  const userOf = () => ({ userId: 'maria' })
  expect((await get(path, createHandler({ store, authorize, userOf }))).status).toBe(200)
  expect((await get(path)).status).toBe(404)
})
