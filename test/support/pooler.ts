import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import pg from 'pg'
import { ask, message, readMessages } from './protocol.ts'

export interface PoolerOptions {
  /** When the server session of a client is free for others: after each transaction, or never. */
  mode: 'transaction' | 'session'
  /** Server sessions, all open from the start in transaction mode. A client waits until one is free. */
  size?: number
  /** Which free session is used next: the one that was returned last, as in PgBouncer, or first. */
  order?: 'last' | 'first'
  /** PgBouncer refuses startup options, or drops them if ignore_startup_parameters contains them. */
  startupOptions?: 'refuse' | 'drop'
}

export interface Pooler {
  url: string
  close: () => Promise<void>
}

interface Client {
  socket: Socket
  server: Server | undefined
  /** Messages of the client that wait for a server session. */
  waiting: Buffer[]
  /** The number of ReadyForQuery messages that the server session still has to send. */
  owed: number
}

interface Server {
  socket: Socket
  client: Client | undefined
}

/** An id that no server process has. */
const FIRST_PROCESS_ID = 0x40000000

/** A pooler in front of a test database that speaks PostgreSQL's protocol on both sides, like PgBouncer. */
export async function startPooler(databaseUrl: string, options: PoolerOptions): Promise<Pooler> {
  const { mode, size = 2, order = 'last', startupOptions = 'refuse' } = options
  const { user, database, host, port } = new pg.Client({ connectionString: databaseUrl })
  const sockets = new Set<Socket>()
  const free: Server[] = []
  const queue: Client[] = []
  let sessions = 0
  let clients = 0

  function track(socket: Socket): Socket {
    sockets.add(socket)
    // A peer may close the connection at any time.
    return socket.on('error', () => {}).on('close', () => sockets.delete(socket))
  }

  async function openSession(): Promise<Server> {
    const socket = track(
      host.startsWith('/') ? connect(`${host}/.s.PGSQL.${port}`) : connect(port, host),
    )
    const server: Server = { socket, client: undefined }
    await ask(socket, { user: user ?? '', database: database ?? '' })
    readMessages(socket, (type, bytes) => server.client && toClient(server.client, type, bytes))
    return server
  }

  async function obtain(client: Client): Promise<void> {
    const server = order === 'last' ? free.pop() : free.shift()
    if (server) return assign(server, client)
    if (sessions === size) return void queue.push(client)
    sessions++
    assign(await openSession(), client)
  }

  function assign(server: Server, client: Client): void {
    server.client = client
    client.server = server
    for (const bytes of client.waiting.splice(0)) server.socket.write(bytes)
  }

  function toServer(client: Client, type: string, bytes: Buffer): void {
    if (type === 'X') return void client.socket.end()
    // Sync and Query.
    if (type === 'S' || type === 'Q') client.owed++
    if (client.server) return void client.server.socket.write(bytes)
    if (client.waiting.push(bytes) === 1) void obtain(client)
  }

  function toClient(client: Client, type: string, bytes: Buffer): void {
    client.socket.write(bytes)
    if (type !== 'Z') return
    client.owed--
    const idle = bytes.toString('latin1', 5) === 'I'
    if (mode === 'transaction' && idle && client.owed === 0) release(client)
  }

  function release(client: Client): void {
    const server = client.server as Server
    client.server = server.client = undefined
    const next = queue.shift()
    if (next) assign(server, next)
    else free.push(server)
  }

  function forget(client: Client): void {
    const place = queue.indexOf(client)
    if (place >= 0) queue.splice(place, 1)
    if (!client.server) return
    client.server.socket.destroy()
    sessions--
    const next = queue.shift()
    if (next) void obtain(next)
  }

  const listener = createServer((socket) => {
    const client: Client = { socket: track(socket), server: undefined, waiting: [], owed: 0 }
    const admit = (parameters: string): void => {
      if (startupOptions === 'refuse' && parameters.includes('\0options\0')) {
        socket.end(message('E', 'SFATAL\0C08P01\0Munsupported startup parameter: options\0\0'))
      } else {
        const key = Buffer.alloc(8)
        key.writeInt32BE(FIRST_PROCESS_ID + clients++)
        socket.write(Buffer.concat([message('R', Buffer.alloc(4)), message('K', key)]))
        socket.write(message('Z', 'I'))
      }
    }
    readMessages(socket, (type, bytes) => toServer(client, type, bytes), admit)
    socket.on('close', () => forget(client))
  })
  if (mode === 'transaction') {
    for (; sessions < size; sessions++) free.push(await openSession())
  }
  listener.listen(0, '127.0.0.1')
  await once(listener, 'listening')
  return {
    url: `postgresql://${user}@127.0.0.1:${(listener.address() as AddressInfo).port}/${database}?sslmode=disable`,
    close: async () => {
      for (const socket of sockets) socket.destroy()
      listener.close()
      await once(listener, 'close')
    },
  }
}
