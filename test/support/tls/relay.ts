import { once } from 'node:events'
import { connect, createServer, type ListenOptions, type Socket } from 'node:net'

/** What an observer of the network sees of a login. */
export type Sight =
  | 'direct TLS'
  | 'TLS'
  | 'TLS refused'
  | 'GSS'
  | 'clear'
  | 'password'
  | 'md5'
  | 'scram'

export interface Relay {
  port: number
  close: () => Promise<void>
}

const TLS_RECORD = 0x16
const SSL_REQUEST = 80877103
const GSS_REQUEST = 80877104
const PASSWORD = 'p'.charCodeAt(0)

/** A proxy to a server on loopback that reports what is readable on the way. */
export async function startRelay(
  port: number,
  listen: ListenOptions,
  see: (sight: Sight) => void,
): Promise<Relay> {
  const sockets = new Set<Socket>()
  const server = createServer((program) => {
    const upstream = connect({ host: '127.0.0.1', port })
    for (const socket of [program, upstream]) {
      sockets.add(socket)
      socket.setNoDelay(true)
      socket.on('error', () => {}).on('close', () => sockets.delete(socket))
    }
    const watch = watcher(see)
    program.on('data', (bytes) => {
      watch.program(bytes)
      upstream.write(bytes)
    })
    upstream.on('data', (bytes) => {
      watch.server(bytes)
      program.write(bytes)
    })
    program.on('close', () => upstream.destroy())
    upstream.on('close', () => program.end())
  })
  await once(server.listen(listen), 'listening')
  const address = server.address()
  return {
    port: typeof address === 'object' && address ? address.port : 0,
    close: async () => {
      for (const socket of sockets) socket.destroy()
      await once(server.close(), 'close')
    },
  }
}

/** Reads one connection until it is encrypted. */
function watcher(see: (sight: Sight) => void) {
  let rest: Buffer = Buffer.alloc(0)
  let state: 'start' | 'asked' | 'messages' | 'encrypted' = 'start'
  const take = (): boolean => {
    if (state === 'start' && rest[0] === TLS_RECORD) {
      state = 'encrypted'
      see('direct TLS')
      return false
    }
    const head = state === 'messages' ? 1 : 0
    if (state === 'encrypted' || rest.length < head + 4) return false
    const size = head + rest.readInt32BE(head)
    if (rest.length < size) return false
    const message = rest.subarray(0, size)
    rest = rest.subarray(size)
    if (state === 'messages') {
      const sight = message[0] === PASSWORD ? login(message.toString('latin1', 5)) : undefined
      if (sight) see(sight)
      return true
    }
    const code = message.readInt32BE(4)
    state = code === SSL_REQUEST || code === GSS_REQUEST ? 'asked' : 'messages'
    if (code === GSS_REQUEST) see('GSS')
    if (state === 'messages') see('clear')
    return true
  }
  return {
    program: (bytes: Buffer) => {
      rest = Buffer.concat([rest, bytes])
      while (take()) {}
    },
    server: (bytes: Buffer) => {
      if (state !== 'asked') return
      const accepted = bytes.toString('latin1') === 'S'
      state = accepted ? 'encrypted' : 'start'
      see(accepted ? 'TLS' : 'TLS refused')
    },
  }
}

/** What a password message has in clear. The second message of SCRAM starts with `c=`. */
function login(body: string): Sight | undefined {
  if (body.startsWith('SCRAM-SHA-256')) return 'scram'
  if (body.startsWith('c=')) return undefined
  return body.startsWith('md5') ? 'md5' : 'password'
}
