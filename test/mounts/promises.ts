import { expect, it } from 'vitest'
import type { TestDatabase } from '../support/database.ts'
import { COOKIE } from './page.ts'

const LOCKED = `select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`
/** More than the buffers of all sockets and streams hold. */
const RUNS = 20_000

export const fill = (database: TestDatabase): Promise<unknown> =>
  database.sql(
    `insert into workflow_executions (workflow_name, user_id, mode, model_id, metadata)
     select 'nightly import', 'user_' || n, 'Sales', 'gpt-4o', jsonb_build_object('text', repeat('x', 500))
     from generate_series(1, ${RUNS}) as n`,
  )

/** What an application with the handler below /wfstore does, in every framework. */
export function keepsPromises(application: () => { url: string; database: TestDatabase }): void {
  const get = (path: string, init: RequestInit = {}) =>
    fetch(`${application().url}${path}`, {
      ...init,
      headers: { ...COOKIE, ...(init.headers as Record<string, string>) },
    })

  it('a page is answered, and everything it links to is below the path of the mount', async () => {
    const answer = await get('/wfstore')
    expect([answer.status, answer.headers.get('content-type')]).toEqual([
      200,
      expect.stringContaining('text/html'),
    ])
    const links = [...(await answer.text()).matchAll(/(?:href|src|action)="([^"]*)"/g)].map(
      ([, link = '']) => link,
    )
    expect(links.length).toBeGreaterThan(8)
    expect(links.filter((link) => !/^(\/wfstore(\/|$)|#|\?)/.test(link))).toEqual([])
    const assets = links.filter((link) => link.startsWith('/wfstore/assets/'))
    expect(assets.length).toBeGreaterThanOrEqual(2)
    for (const link of assets) expect((await get(link)).status).toBe(200)
  })

  it('the API is answered, with its parameters', async () => {
    const answer = await get('/wfstore/api/v1/executions?user=user_7&user=user_8')
    expect(answer.status).toBe(200)
    const rows = (await answer.json()) as { userId: string }[]
    expect(rows.map(({ userId }) => userId).sort()).toEqual(['user_7', 'user_8'])
  })

  it('a request that authorize does not know is refused, and another path is not ours', async () => {
    expect((await get('/wfstore/executions', { headers: { cookie: '' } })).status).toBe(401)
    expect((await get('/wfstore/api/v1/executions', { headers: { cookie: '' } })).status).toBe(401)
    expect((await get('/elsewhere')).status).toBe(404)
  })

  it('a long list is streamed to its end', async () => {
    const answer = await get(`/wfstore/api/v1/executions?limit=${RUNS}`, {
      headers: { accept: 'application/x-ndjson' },
    })
    expect(answer.headers.get('content-length')).toBeNull()
    expect((await answer.text()).trim().split('\n')).toHaveLength(RUNS)
  })

  it('a client that hangs up cancels its query', async () => {
    const { database } = application()
    const locker = await database.connect()
    await locker.query('begin; lock table workflow_executions in access exclusive mode')
    const leaving = new AbortController()
    const answer = get('/wfstore/api/v1/executions', { signal: leaving.signal })
    const gone = expect(answer).rejects.toThrow('aborted')
    while ((await database.sql(LOCKED)).length === 0);
    leaving.abort()
    await gone
    // It waits for the lock until it is cancelled: the lock is held.
    while ((await database.sql(LOCKED)).length > 0);
    await locker.end()
  })

  it('a client that hangs up in the middle of a list leaves the connection free', async () => {
    const { database } = application()
    const leaving = new AbortController()
    const answer = await get(`/wfstore/api/v1/executions?limit=${RUNS}`, {
      headers: { accept: 'application/x-ndjson' },
      signal: leaving.signal,
    })
    await answer.body?.getReader().read()
    leaving.abort()
    const busy = `select from pg_stat_activity
      where datname = current_database() and pid <> pg_backend_pid() and state <> 'idle'`
    while ((await database.sql(busy)).length > 0);
  })
}
