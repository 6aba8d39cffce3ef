import { Socket } from 'node:net'
import type pg from 'pg'
import { WfstoreError } from '../../error.ts'
import { sqlStateOf } from '../query/errors.ts'
import { type Login, observedClient } from './client.ts'
import type { Target } from './target.ts'
import { tlsReason } from './tls-errors.ts'

/** For some failures pg has only a message. This file detects them from what happens instead. */

/** The codes with which PgBouncer and Amazon RDS Proxy refuse startup options. They have other meanings too. */
const OPTIONS_REFUSED = ['08P01', '0A000']

export const mayRefuseOptions = (error: unknown): boolean =>
  OPTIONS_REFUSED.includes(sqlStateOf(error) ?? '')

/**
 * The config of a target with a socket that detects a refusal of TLS, and a client that detects a failure of TLS. pg has
 * only messages for them (pg/lib/connection.js).
 */
export function attempt(target: Target) {
  const login: Login = { answered: false, refused: false, started: false, secured: false }
  const { config, address, channelBinding = 'disable' } = target
  const stream = () => {
    const socket = new Socket()
    if (address !== undefined) {
      // The host name stays in the config for the certificate and for the password file.
      const connect = socket.connect.bind(socket) as (port: number, host: string) => Socket
      socket.connect = ((port: number) => connect(port, address)) as Socket['connect']
    }
    // The first byte that the server sends is its answer to the request for TLS.
    socket.once('data', (answer: Buffer) => {
      login.answered = true
      login.refused = answer.toString('latin1') === 'N'
    })
    return socket
  }
  return {
    config: {
      ...config,
      stream,
      enableChannelBinding: channelBinding !== 'disable' && Boolean(config.ssl),
    } as pg.ClientConfig,
    Client: observedClient(target, login),
    /** True if the server has sent anything. */
    answered: () => login.answered,
    /** The target to try after this error: as in libpq, or without settings that a pooler refuses. */
    instead: (error: unknown): Target | undefined => insteadOf(target, error, login),
  }
}

/**
 * libpq also tries again after a wrong password, and with sslmode=prefer that sends the password without encryption. Here
 * only a server that refuses before it asks for a password, or TLS that fails, leads to another attempt.
 */
function insteadOf(target: Target, error: unknown, login: Login): Target | undefined {
  if (error instanceof WfstoreError) return undefined
  const { config, sslMode, ownOptions, tls = false } = target
  const encrypted = Boolean(config.ssl)
  const refused = isHostRefused(error)
  const failed = login.started && !login.secured && sqlStateOf(error) === undefined
  if (sslMode === 'prefer' && encrypted && (login.refused || failed || refused)) {
    const plain: Target = { ...target, config: { ...config, ssl: false }, sslMode: 'disable' }
    return failed ? { ...plain, tlsFailure: tlsReason(error, target) } : plain
  }
  if (sslMode === 'allow' && !encrypted && refused)
    return { ...target, config: { ...config, ssl: tls }, sslMode: 'require' }
  if (ownOptions !== undefined && mayRefuseOptions(error))
    return { ...target, config: { ...config, options: ownOptions }, ownOptions: undefined }
  return undefined
}

/** True if pg_hba.conf refuses the connection. The message is in the language of the server, but the routine is not. */
export function isHostRefused(error: unknown): boolean {
  const { routine } = (error ?? {}) as Partial<pg.DatabaseError>
  return sqlStateOf(error) === '28000' && routine === 'ClientAuthentication'
}

/** Connects within the time limit of the target. @throws WfstoreError unreachable after the limit */
export async function inTime<T>(target: Target, connect: () => Promise<T>): Promise<T> {
  const ms = target.config.connectionTimeoutMillis ?? 0
  let late = false
  // pg and pg-pool have timers of the same length. This one starts first, so it also ends first.
  const timer = ms > 0 ? setTimeout(() => (late = true), ms).unref() : undefined
  try {
    return await connect()
  } catch (error) {
    throw late ? unreachable(target, `no answer within ${ms / 1000} s`, error) : error
  } finally {
    clearTimeout(timer)
  }
}

export const unreachable = (
  { label, source }: Target,
  reason: string,
  cause: unknown,
  hint = `check that the server is running and that ${source} is right`,
) =>
  new WfstoreError('unreachable', `cannot reach PostgreSQL as ${label}: ${reason}`, { hint, cause })
