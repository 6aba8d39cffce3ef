import { once } from 'node:events'
import net from 'node:net'

export interface Statement {
  /** From 1, in the order in which the programs sent them. */
  number: number
  text: string
}

/** 'cut' closes the connection to the server. */
export type Verdict = 'cut' | undefined

/** Runs a query in the session of the program. Returns the first value of the first row. */
export type Ask = (question: string) => Promise<string | null>

export interface Hooks {
  /** The program has sent the statement; the server does not get it until this resolves. */
  before?: (statement: Statement, ask: Ask) => Promise<Verdict>
  /** The server has run it (a commit is committed); the program gets the result when this resolves. */
  after?: (statement: Statement) => Promise<Verdict>
}

export interface Failpoint {
  /** The same database, through the proxy. */
  url: string
  close: () => Promise<void>
}

/**
 * A proxy between programs and PostgreSQL that stops at every statement: a simple query, or an extended one up to its
 * Sync. It passes messages on unchanged, without TLS.
 */
export async function startProxy(databaseUrl: string, hooks: Hooks): Promise<Failpoint> {
  const sockets = new Set<net.Socket>()
  let sent = 0
  const server = net.createServer((program) => {
    const upstream = net.connect(addressOf(databaseUrl))
    for (const socket of [program, upstream]) {
      sockets.add(socket)
      socket.setNoDelay(true)
      socket.on('error', () => {}).on('close', () => sockets.delete(socket))
    }
    // Like the kernel does for a killed program.
    program.on('close', () => upstream.destroy())
    upstream.on('close', () => program.end())
    relay(program, upstream, hooks, () => ++sent)
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const url = new URL(databaseUrl)
  url.searchParams.delete('host')
  url.searchParams.set('sslmode', 'disable')
  url.host = `127.0.0.1:${(server.address() as net.AddressInfo).port}`
  return {
    url: url.href,
    close: async () => {
      for (const socket of sockets) socket.destroy()
      await once(server.close(), 'close')
    },
  }
}

/** Where the server of a database is. */
export function addressOf(databaseUrl: string): net.NetConnectOpts {
  const url = new URL(databaseUrl)
  const host = url.searchParams.get('host') ?? url.hostname
  const port = Number(url.port || 5432)
  return host.startsWith('/') ? { path: `${host}/.s.PGSQL.${port}` } : { host, port }
}

function relay(
  program: net.Socket,
  upstream: net.Socket,
  { before, after }: Hooks,
  nextNumber: () => number,
): void {
  /** Called with the result of a query of the proxy itself. */
  let asked: ((answer: Message[]) => void) | undefined
  /** Called when the current statement has its result. */
  let running: { statement: Statement; done: () => void } | undefined
  const ask: Ask = async (question) => {
    const answer = new Promise<Message[]>((resolve) => {
      asked = resolve
    })
    upstream.write(simpleQuery(question))
    return firstValue(await answer)
  }

  let parts: Message[] = []
  onMessage(program, 'frontend', async (message) => {
    parts.push(message)
    // Parse, Bind, Describe, Execute, Close: the server processes them together, at Sync.
    if (['P', 'B', 'D', 'E', 'C'].includes(message.type)) return
    const bytes = Buffer.concat(parts.map((part) => part.bytes))
    const statement = isEnd(message) ? { number: nextNumber(), text: textOf(parts) } : undefined
    parts = []
    if (statement && (await before?.(statement, ask)) === 'cut') upstream.destroy()
    if (upstream.destroyed) return
    upstream.write(bytes)
    // One statement at a time, even if the program does not wait, so that each boundary is separate.
    if (statement) {
      await new Promise<void>((done) => {
        running = { statement, done }
      })
    }
  })

  let answer: Message[] = []
  onMessage(upstream, 'backend', async (message) => {
    const ready = message.type === 'Z'
    if (asked) {
      answer.push(message)
      if (!ready) return
      asked(answer)
      asked = undefined
      answer = []
      return
    }
    const ended = ready ? running : undefined
    if (ended && (await after?.(ended.statement)) === 'cut') program.destroy()
    if (!program.destroyed) program.write(message.bytes)
    ended?.done()
  })
}

const isEnd = ({ type }: Message): boolean => type === 'Q' || type === 'S'

interface Message {
  /** '' for the first message of a program, which has no type. */
  type: string
  body: Buffer
  bytes: Buffer
}

/** Passes on messages one after the other and continues to read meanwhile, so that it notices a close at once. */
function onMessage(
  socket: net.Socket,
  side: 'frontend' | 'backend',
  take: (message: Message) => Promise<void>,
): void {
  let rest: Buffer = Buffer.alloc(0)
  let typed = side === 'backend'
  let taken = Promise.resolve()
  socket.on('data', (chunk) => {
    rest = Buffer.concat([rest, chunk])
    for (;;) {
      const head = typed ? 1 : 0
      if (rest.length < head + 4) return
      const size = head + rest.readInt32BE(head)
      if (rest.length < size) return
      const bytes = rest.subarray(0, size)
      const message = {
        type: bytes.toString('latin1', 0, head),
        body: bytes.subarray(head + 4),
        bytes,
      }
      rest = rest.subarray(size)
      typed = true
      taken = taken.then(() => take(message))
    }
  })
}

/** The SQL of a simple query or of a Parse, whose statement name comes first. Of a call that is sent to shards: what runs there. */
function textOf(messages: Message[]): string {
  const [first, bind] = messages
  if (first?.type !== 'Q' && first?.type !== 'P') return ''
  const text = first.body.toString('utf8').split('\0')[first.type === 'P' ? 1 : 0] ?? ''
  return bind?.type === 'B' && text.startsWith('select wfstore_at ') ? secondOf(bind.body) : text
}

/** The second value of a Bind: two names, then formats, then the length and the bytes of each value. */
function secondOf(bind: Buffer): string {
  let at = bind.indexOf(0, bind.indexOf(0) + 1) + 1
  at += 4 + 2 * bind.readInt16BE(at)
  at += 4 + bind.readInt32BE(at)
  return bind.toString('utf8', at + 4, at + 4 + bind.readInt32BE(at))
}

function simpleQuery(text: string): Buffer {
  const body = Buffer.from(`${text}\0`)
  const head = Buffer.from('Q\0\0\0\0', 'latin1')
  head.writeInt32BE(4 + body.length, 1)
  return Buffer.concat([head, body])
}

/** The values of a DataRow: a count of columns, then the length (-1 for NULL) and the bytes of each. */
function firstValue(answer: Message[]): string | null {
  const row = answer.find(({ type }) => type === 'D')?.body
  const length = row?.readInt32BE(2) ?? -1
  return row && length >= 0 ? row.toString('utf8', 6, 6 + length) : null
}
