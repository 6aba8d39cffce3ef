import { once } from 'node:events'
import { readdirSync, readFileSync, rmSync } from 'node:fs'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, vi } from 'vitest'
import type { WfstoreError } from '../../../src/error.ts'
import { openStore, type Store } from '../../../src/index.ts'
import type { SpooledCall } from '../../../src/record/spool/calls.ts'
import { addressOf } from '../../support/failpoint.ts'
import { dataFolder } from '../../support/folder.ts'
import { createRecording } from '../recording.ts'

/** For the tests of one file: a database behind a door that can be shut, and a spool file for each of them. */

export let recording: Awaited<ReturnType<typeof createRecording>>
let door: Server
export let url: string
export let isOpen = true
/** Closes itself after this number of messages of clients. */
let messagesLeft = Number.POSITIVE_INFINITY
const visitors = new Set<Socket>()
export let folder: string
export let file: string
/** The calls of onError since the test began, or since forget(). */
export let told: [string, string | null][]

/** Prepares all this for the tests of a file. */
export function useSpooling(): void {
  beforeAll(async () => {
    recording = await createRecording('spool')
    const address = addressOf(recording.database.url)
    door = createServer((socket) => {
      if (!isOpen) return socket.destroy()
      visitors.add(socket)
      const server = connect(address)
      for (const side of [socket, server]) side.on('error', () => side.destroy())
      socket.on('close', () => visitors.delete(socket))
      socket.on('data', () => {
        if (--messagesLeft < 0) shut()
      })
      socket.pipe(server).pipe(socket)
    })
    await once(door.listen(0, '127.0.0.1'), 'listening')
    const { port } = door.address() as AddressInfo
    const { username } = new URL(recording.database.url)
    url = `postgresql://${username}@127.0.0.1:${port}/${recording.database.name}?sslmode=disable`
  })
  afterAll(async () => {
    door.close()
    await recording.drop()
  })
  beforeEach(() => {
    folder = dataFolder('spool')
    file = join(folder, 'spool.jsonl')
    told = []
    open()
  })
  afterEach(() => {
    vi.useRealTimers()
    rmSync(folder, { recursive: true, force: true })
  })
}

export function shut() {
  isOpen = false
  for (const socket of visitors) socket.destroy()
}
export function open() {
  isOpen = true
  messagesLeft = Number.POSITIVE_INFINITY
}

/** The door lets this number of messages of clients through, and shuts. */
export function shutAfter(messages: number) {
  messagesLeft = messages
}
export function forget() {
  told = []
}

export const onError = (error: WfstoreError, call: SpooledCall | null) => {
  told.push([error.code, call?.kind ?? null])
}
/** A store behind the door, with a spool. */
export const spooling = (
  options: { file?: string; maxBytes?: number; databaseUrl?: string } = {},
): Store => {
  const { databaseUrl = url, ...rest } = options
  return openStore({ databaseUrl, spool: { file, onError, ...rest } })
}
/** The files of the spool, without their locks. */
export const spools = () =>
  readdirSync(folder)
    .filter((name) => /^spool\.jsonl(\.[0-9a-f-]{36})?$/.test(name))
    .sort()
    .map((name) => join(folder, name))
/** The waiting lines of all processes. */
export const lines = () =>
  spools().flatMap((path) => readFileSync(path, 'utf8').split('\n').filter(Boolean))
