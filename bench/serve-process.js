// `wfstore serve` as a process of its own, and clients of it.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { Agent, get } from 'node:http'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const program = join(fileURLToPath(new URL('..', import.meta.url)), 'bin/wfstore.js')

/** On a free port of this machine. */
export async function startServer(databaseUrl) {
  const words = ['serve', '--listen', '127.0.0.1:0', '--database-url', databaseUrl]
  const node = process.env.WFSTORE_BENCH_NODE_OPTIONS?.split(' ') ?? []
  const child = spawn(process.execPath, [...node, program, ...words], {
    env: { PATH: process.env.PATH, HOME: process.env.HOME },
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  const ended = once(child, 'exit')
  let said = ''
  while (!/http:\/\/\S+:\d+/.test(said)) said += (await once(child.stderr, 'data'))[0]
  child.stderr.resume()
  const [url] = /http:\/\/[^\s/]+:\d+/.exec(said)
  const agent = new Agent({ keepAlive: true })
  return {
    /** The body of an answer. */
    ask: (path) => ask(`${url}${path}`, agent),
    /** A stream of events, which the function ends. `heard` is called with each piece. */
    listen: async (path, heard) => {
      const request = get(`${url}${path}`, { agent: new Agent() })
      request.on('error', () => {})
      const [response] = await once(request, 'response')
      if (response.statusCode !== 200) throw new Error(`${path}: status ${response.statusCode}`)
      response.on('data', heard)
      response.on('error', () => {})
      return () => request.destroy()
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

function ask(url, agent) {
  return new Promise((resolve, reject) => {
    get(url, {
      agent,
      headers: { accept: url.includes('/api/') ? 'application/json' : 'text/html' },
    })
      .on('error', reject)
      .on('response', (response) => {
        const chunks = []
        response.on('data', (chunk) => chunks.push(chunk))
        response.on('error', reject)
        response.on('end', () => {
          const body = Buffer.concat(chunks).toString()
          if (response.statusCode === 200) resolve(body)
          else reject(new Error(`${url}: status ${response.statusCode}: ${body.slice(0, 200)}`))
        })
      })
  })
}
