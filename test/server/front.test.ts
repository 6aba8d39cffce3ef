// What node:http, the adapter of hono and the routes make of an answer together.
import { once } from 'node:events'
import { connect } from 'node:net'
import { getRequestListener } from '@hono/node-server'
import { afterAll, afterEach, expect, it, vi } from 'vitest'
import type { FrontOptions } from '../../src/server/front.ts'
import { type Listening, listen } from '../../src/server/listen.ts'
import { raw, until } from './serving.ts'

// An application may use the adapter too, which then replaces these for the whole process, here before the server is loaded.
const { Request, Response } = globalThis
getRequestListener(() => new globalThis.Response())
const { front } = await import('../../src/server/front.ts')
afterAll(() => void Object.assign(globalThis, { Request, Response }))

let server: Listening
const errors: unknown[] = []
afterEach(async () => {
  await server.close()
  errors.length = 0
})

async function start(fetch: FrontOptions['fetch'], options: Partial<FrontOptions> = {}) {
  const onError = (error: unknown) => errors.push(error)
  server = await listen(front({ fetch, onError, ...options }), { host: '127.0.0.1', port: 0 })
  return `http://127.0.0.1:${server.port}`
}

const chunk = new Uint8Array(64 * 1024)
/** A body without end, and what becomes of it. */
function endless() {
  let cancel: (reason: unknown) => void = () => {}
  const cancelled = new Promise((resolve) => {
    cancel = resolve
  })
  const body = new ReadableStream({ pull: (controller) => controller.enqueue(chunk), cancel })
  return { body, cancelled }
}

it('passes status, headers and several cookies on', async () => {
  const url = await start(() => {
    const headers = new Headers({ 'x-one': '1' })
    headers.append('set-cookie', 'a=1')
    headers.append('set-cookie', 'b=2')
    return new Response('body', { status: 418, headers })
  })
  const answer = await fetch(url)
  expect([answer.status, await answer.text(), answer.headers.get('x-one')]).toEqual([
    418,
    'body',
    '1',
  ])
  expect(answer.headers.getSetCookie()).toEqual(['a=1', 'b=2'])
  const head = await fetch(url, { method: 'HEAD' })
  expect([head.status, await head.text()]).toEqual([418, ''])
})

it('the signal of a request is aborted when its client leaves before the answer', async () => {
  let seen: (signal: AbortSignal) => void = () => {}
  const asked = new Promise<AbortSignal>((resolve) => {
    seen = resolve
  })
  const url = await start(async ({ signal }) => {
    seen(signal)
    await once(signal, 'abort')
    return new Response('late')
  })
  const leaving = new AbortController()
  const answer = fetch(url, { signal: leaving.signal })
  const signal = await asked
  leaving.abort()
  await expect(answer).rejects.toThrow()
  if (!signal.aborted) await once(signal, 'abort')
  expect(errors).toEqual([])
})

it('a body is cancelled when its client leaves, and when it takes nothing', async () => {
  const left = endless()
  const url = await start(() => new Response(left.body))
  const leaving = new AbortController()
  const answer = await fetch(url, { signal: leaving.signal })
  await answer.body?.getReader().read()
  leaving.abort()
  await left.cancelled
  await server.close()

  const stalled = endless()
  await start(() => new Response(stalled.body), { stallMs: 20 })
  const socket = connect(server.port, '127.0.0.1')
  socket.write('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n')
  socket.pause()
  await stalled.cancelled
  socket.destroy()
  expect(errors).toEqual([])
})

it('a body that ends with an error breaks the connection, and shows nothing of the error', async () => {
  const print = vi.spyOn(console, 'error')
  let next = 0
  const url = await start(
    () =>
      new Response(
        new ReadableStream({
          pull: (controller) =>
            next++ === 0 ? controller.enqueue(chunk) : controller.error(new Error('secret')),
        }),
      ),
  )
  const answer = await fetch(url)
  expect(answer.status).toBe(200)
  await expect(answer.text()).rejects.toThrow('terminated')
  expect(errors).toEqual([expect.objectContaining({ message: 'secret' })])
  next = 1
  const socket = await raw(server.port, 'GET / HTTP/1.1\r\nHost: localhost\r\n\r\n')
  expect(await until(socket, '\r\n0\r\n')).not.toMatch(/secret|\r\n0\r\n/)
  expect(print).not.toHaveBeenCalled()
})

it('a request that is not understood is 400, with too many headers 431', async () => {
  await start(() => new Response('never'))
  for (const [text, status] of [
    ['GET / HTTP/1.1\r\nHost: a b\r\n\r\n', 400],
    ['GET \\x HTTP/1.1\r\nHost: localhost\r\n\r\n', 400],
    [`GET / HTTP/1.1\r\nHost: localhost\r\nx: ${'x'.repeat(20_000)}\r\n\r\n`, 431],
  ] as const) {
    const socket = await raw(server.port, text)
    expect(await until(socket, '\r\n\r\n')).toContain(`HTTP/1.1 ${status} `)
    socket.destroy()
  }
  expect(errors).toEqual([])
})

it('a client that waits for 100 Continue gets it', async () => {
  const url = await start(async (request) => new Response(await request.text()))
  const socket = await raw(
    server.port,
    `POST / HTTP/1.1\r\nHost: ${new URL(url).host}\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n`,
  )
  expect(await until(socket, '\r\n\r\n')).toContain('100 Continue')
  socket.write('body')
  expect(await until(socket, 'body')).toContain('200 OK')
  socket.destroy()
})
