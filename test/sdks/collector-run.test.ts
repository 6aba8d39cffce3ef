// The config of docs/OPENTELEMETRY.md in a real Collector. No package registry has its binary, so a path to one is required.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { TestDatabase } from '../support/database.ts'
import { createMigrated } from '../support/migrated.ts'
import { runApplication } from './child.ts'
import { openDoor } from './door.ts'
import { startModelServer } from './model-server.ts'
import { sectionOf } from './page.ts'
import { storedSums, sumsOf } from './truth.ts'

const binary = process.env.WFSTORE_TEST_COLLECTOR ?? ''

describe.skipIf(binary === '')('the Collector at WFSTORE_TEST_COLLECTOR', () => {
  let wfstore: TestDatabase
  let other: TestDatabase
  let folder: string
  beforeEach(async () => {
    wfstore = await createMigrated('collector')
    other = await createMigrated('other')
    folder = mkdtempSync(join(tmpdir(), 'wfstore-collector-'))
  })
  afterEach(async () => {
    await wfstore.drop()
    await other.drop()
    rmSync(folder, { recursive: true })
  })

  it('sends each span to wfstore and to another backend', async () => {
    const models = await startModelServer()
    const doors = [await openDoor(wfstore), await openDoor(other)] as const
    const http = await freePort()
    const config = (sectionOf('The Collector').files.get('collector.yaml') ?? '')
      .replace('127.0.0.1:4317', `127.0.0.1:${await freePort()}`)
      .replace('127.0.0.1:4318', `127.0.0.1:${http}`)
      .replace('http://127.0.0.1:4319', doors[0].url)
    writeFileSync(join(folder, 'collector.yaml'), config)
    const collector = await startCollector({ OTHER_ENDPOINT: doors[1].url })
    const agent = join(import.meta.dirname, 'agents/vercel-ai.mjs')
    const env = { ENCODING: 'protobuf', PROCESSOR: 'batch', AI_USAGE: '1' }
    await runApplication([agent], { models: models.url, otlp: `http://127.0.0.1:${http}` }, { env })
    await collector.stop()
    for (const door of doors) await door.settle()
    await models.stop()
    for (const database of [wfstore, other]) {
      expect(await storedSums(database)).toEqual(sumsOf(models.log))
    }
  })

  /** Resolves when it is ready. `stop` sends what is in its queues. */
  async function startCollector(env: Record<string, string>) {
    const child = spawn(binary, ['--config', 'collector.yaml'], { cwd: folder, env })
    const ended = once(child, 'close')
    let said = ''
    await new Promise<void>((resolve, reject) => {
      child.stderr.setEncoding('utf8').on('data', (text: string) => {
        said += text
        if (said.includes('Everything is ready')) resolve()
      })
      ended.then(() => reject(new Error(said)), reject)
    })
    return {
      stop: async () => {
        child.kill('SIGTERM')
        await ended
      },
    }
  }
})

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  await once(server, 'close')
  return typeof address === 'object' && address ? address.port : 0
}
