// `wfstore ingest --listen` as a process of its own, and an exporter that sends to it.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { Agent, request } from 'node:http'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { together } from './write-forms.js'

const program = join(fileURLToPath(new URL('..', import.meta.url)), 'bin/wfstore.js')
/** Each exporter sends one request at a time. */
const EXPORTERS = 4
const TYPES = { json: 'application/json', protobuf: 'application/x-protobuf' }

/** Runs are settled as soon as their root has ended. */
export async function startIngest(databaseUrl) {
  const port = await freePort()
  const words = ['ingest', '--listen', `127.0.0.1:${port}`, '--quiet', '0s']
  // For a profile of this process only.
  const node = process.env.WFSTORE_BENCH_NODE_OPTIONS?.split(' ') ?? []
  const child = spawn(
    process.execPath,
    [...node, program, ...words, '--database-url', databaseUrl],
    { env: { PATH: process.env.PATH, HOME: process.env.HOME }, stdio: 'inherit' },
  )
  const ended = once(child, 'exit')
  const agent = new Agent({ keepAlive: true, maxSockets: EXPORTERS })
  const send = (body, encoding) => post({ port, agent, body, type: TYPES[encoding] })
  while (!(await send(Buffer.from('{}'), 'json').catch(() => false))) {
    if (child.exitCode !== null) throw new Error('wfstore ingest has ended')
    await delay(50)
  }
  return {
    /** Sends the bodies in turn, and resolves when the last one is acknowledged. */
    sendAll: (bodies, encoding, sent = () => {}) => {
      const each = bodies[Symbol.iterator]()
      return together(EXPORTERS, async () => {
        for (let next = each.next(); !next.done; next = each.next()) {
          while (!(await send(next.value, encoding)));
          await sent()
        }
      })
    },
    /** Megabytes. */
    memory: () =>
      Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${child.pid}/status`, 'utf8'))[1]) / 1024,
    stop: async () => {
      agent.destroy()
      child.kill('SIGTERM')
      await ended
    },
  }
}

/** Whether the body is acknowledged. If the server is busy it waits as an exporter does. */
async function post({ port, agent, body, type }) {
  const headers = { 'content-type': type, 'content-length': body.length }
  const sent = request({
    port,
    agent,
    headers,
    host: '127.0.0.1',
    path: '/v1/traces',
    method: 'POST',
  })
  sent.end(body)
  const [response] = await once(sent, 'response')
  const answer = Buffer.concat(await response.toArray())
  if (response.statusCode === 200) {
    if (/rejected/i.test(answer)) throw new Error(`spans were refused: ${answer}`)
    return true
  }
  const after = Number(response.headers['retry-after'])
  if (!after) throw new Error(`status ${response.statusCode}: ${answer}`)
  await delay(1000 * after)
  return false
}

async function freePort() {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address()
  server.close()
  await once(server, 'close')
  return port
}
