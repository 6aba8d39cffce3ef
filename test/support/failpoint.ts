import { once } from 'node:events'
import net from 'node:net'

export interface Statement {
  /** From 1, in the order in which the programs sent them. */
  number: number
  text: string
}

/** 'cut' closes the connection to the server, which hears nothing more of the program. */
export type Verdict = 'cut' | undefined

/** Asks something in the session of the program: the first value of the first row. */
export type Ask = (question: string) => Promise<string | null>

export interface Hooks {
  /** The program has sent the statement; the server does not get it until this resolves. */
  before?: (statement: Statement, ask: Ask) => Promise<Verdict>
  /** The server is done with it (a commit is committed); the program does not know until this resolves. */
  after?: (statement: Statement) => Promise<Verdict>
}

export interface Failpoint {
  /** The same database, through the proxy. */
  url: string
  close: () => Promise<void>
}

/**
 * Stands between programs and PostgreSQL, and stops at every statement: a simple query, or an extended one up to its
 * Sync. Messages are framed and passed on as they are; without TLS.
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
    // As the kernel does it for a program that is killed.
    program.on('close', () => upstream.destroy())
    upstream.on('close', () => program.end())
    relay(program, upstream, hooks, () => ++sent)
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const url = new URL(databaseUrl)
  url.searchParams.delete('host')
  url.host = `127.0.0.1:${(server.address() as net.AddressInfo).port}`
  return {
    url: url.href,
    close: async () => {
      for (const socket of sockets) socket.destroy()
      await once(server.close(), 'close')
    },
  }
}

function addressOf(databaseUrl: string): net.NetConnectOpts {
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
  /** Called with the answer to what the proxy asked itself. */
  let asked: ((answer: Message[]) => void) | undefined
  /** Called when the statement that runs is answered. */
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
    // Parse, Bind, Describe, Execute, Close: the server acts on them together, when Sync comes.
    if (['P', 'B', 'D', 'E', 'C'].includes(message.type)) return
    const bytes = Buffer.concat(parts.map((part) => part.bytes))
    const statement = isEnd(message) ? { number: nextNumber(), text: textOf(parts) } : undefined
    parts = []
    if (statement && (await before?.(statement, ask)) === 'cut') upstream.destroy()
    if (upstream.destroyed) return
    upstream.write(bytes)
    // One at a time, also where the program would not wait: every boundary is one.
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
  /** '' is the first of a program, which has no type. */
  type: string
  body: Buffer
  bytes: Buffer
}

/** Hands over messages one after the other, and reads on meanwhile, so that a close is seen at once. */
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

/** The SQL of a simple query or of a Parse, whose statement name comes first. */
function textOf(messages: Message[]): string {
  const first = messages[0]
  if (first?.type !== 'Q' && first?.type !== 'P') return ''
  return first.body.toString('utf8').split('\0')[first.type === 'P' ? 1 : 0] ?? ''
}

function simpleQuery(text: string): Buffer {
  const body = Buffer.from(`${text}\0`)
  const head = Buffer.from('Q\0\0\0\0', 'latin1')
  head.writeInt32BE(4 + body.length, 1)
  return Buffer.concat([head, body])
}

/** Of a DataRow: a count of columns, then for each its length, -1 for NULL, and its bytes. */
function firstValue(answer: Message[]): string | null {
  const row = answer.find(({ type }) => type === 'D')?.body
  const length = row?.readInt32BE(2) ?? -1
  return row && length >= 0 ? row.toString('utf8', 6, 6 + length) : null
}
