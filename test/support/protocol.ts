import type { Socket } from 'node:net'

/** The parts of PostgreSQL's wire protocol that a pooler needs: https://www.postgresql.org/docs/current/protocol-message-formats.html */

/** A message: its type, its length, its body. */
export function message(type: string, body: Buffer | string): Buffer {
  const bytes = Buffer.from(body)
  const head = Buffer.alloc(5)
  head.write(type)
  head.writeInt32BE(bytes.length + 4, 1)
  return Buffer.concat([head, bytes])
}

/** Calls back for each complete message. The first one of a client is the startup message, which has no type. */
export function readMessages(
  socket: Socket,
  take: (type: string, bytes: Buffer) => void,
  admit?: (parameters: string) => void,
): void {
  let left: Buffer = Buffer.alloc(0)
  let start = admit
  socket.on('data', (chunk) => {
    left = Buffer.concat([left, chunk])
    for (;;) {
      const head = start ? 0 : 1
      if (left.length < head + 4) return
      const size = head + left.readInt32BE(head)
      if (left.length < size) return
      const bytes = left.subarray(0, size)
      left = left.subarray(size)
      if (head === 1) take(String.fromCharCode(bytes[0] as number), bytes)
      else {
        start?.(bytes.toString('utf8', 8))
        start = undefined
      }
    }
  })
}

/** Opens a session on a server with trust authentication and waits until it is ready. */
export async function ask(socket: Socket, parameters: Record<string, string>): Promise<void> {
  const text = Object.entries(parameters).flat().join('\0')
  const body = Buffer.from(`\0\x03\0\0${text}\0\0`, 'latin1')
  const size = Buffer.alloc(4)
  size.writeInt32BE(body.length + 4)
  socket.write(Buffer.concat([size, body]))
  await new Promise<void>((resolve, reject) => {
    const fail = () => reject(new Error('the server refused the pooler'))
    socket.once('close', fail)
    readMessages(socket, (type) => {
      if (type === 'E') fail()
      if (type === 'Z') resolve()
    })
  })
  socket.removeAllListeners('data')
}
