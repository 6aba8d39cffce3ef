import { Socket } from 'node:net'
import { WfstoreError } from '../../error.ts'
import type { Target } from './target.ts'

/** Of some failures pg has only a message. This file learns them from what happens instead. */

/** The config of a target, with a socket that shows whether the server refuses TLS (pg/lib/connection.js). */
export function watchTls(target: Target) {
  let refused = false
  const stream = () => {
    const socket = new Socket()
    // The answer to the request for TLS is the first byte that a server sends.
    socket.once('data', (answer: Buffer) => {
      refused = answer.toString('latin1') === 'N'
    })
    return socket
  }
  return {
    config: { ...target.config, stream },
    /** The same target without TLS, if the server has none and sslmode allows that. */
    plain: (): Target | undefined =>
      refused && target.plainWhereUnsupported
        ? { ...target, config: { ...target.config, ssl: false }, plainWhereUnsupported: false }
        : undefined,
  }
}

/** @throws WfstoreError where connecting takes longer than the target allows */
export async function inTime<T>(target: Target, connect: () => Promise<T>): Promise<T> {
  const ms = target.config.connectionTimeoutMillis ?? 0
  let late = false
  // It starts before the timers of pg and pg-pool with the same length, and so ends before them.
  const timer = ms > 0 ? setTimeout(() => (late = true), ms).unref() : undefined
  try {
    return await connect()
  } catch (error) {
    throw late ? unreachable(target, `no answer within ${ms / 1000} s`, error) : error
  } finally {
    clearTimeout(timer)
  }
}

export const unreachable = ({ label, source }: Target, reason: string, cause: unknown) =>
  new WfstoreError('unreachable', `cannot reach PostgreSQL as ${label}: ${reason}`, {
    hint: `check that the server is running and that ${source} is right`,
    cause,
  })
