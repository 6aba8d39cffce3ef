import type { EventEmitter } from 'node:events'
import pg from 'pg'
import { WfstoreError } from '../../error.ts'
import { hangUp } from '../query/errors.ts'
import type { Target } from './target.ts'

/** How far a login came. */
export interface Login {
  /** The server has sent a byte. */
  answered: boolean
  /** The server refuses TLS. */
  refused: boolean
  /** The server accepts TLS. */
  started: boolean
  /** The connection is encrypted, and the certificate of the server is accepted. */
  secured: boolean
}

/** The client of pg, which writes down if TLS succeeds. With channel_binding=require it logs in only with channel binding. */
export function observedClient(target: Target, login: Login): typeof pg.Client {
  return class extends pg.Client {
    constructor(config?: string | pg.ClientConfig) {
      super(config)
      const connection = this.connection as unknown as EventEmitter & { stream: EventEmitter }
      connection.once('sslconnect', () => {
        login.started = true
        connection.stream.once('secureConnect', () => {
          login.secured = true
        })
      })
      if (target.channelBinding === 'require') requireChannelBinding(this, target.label)
    }
  }
}

/** pg uses channel binding if the server offers it. This client ends the login if not, before it sends a password. */
function requireChannelBinding(client: pg.Client, label: string): void {
  const connection = client.connection as unknown as EventEmitter
  let bound = false
  const refuse = () => {
    hangUp(client)
    connection.removeAllListeners('readyForQuery')
    connection.emit(
      'error',
      new WfstoreError(
        'access_denied',
        `channel_binding=require: the server does not bind the login of ${label} to its encryption`,
        { hint: 'the server needs ssl = on and scram-sha-256; or use channel_binding=prefer' },
      ),
    )
  }
  for (const event of ['authenticationCleartextPassword', 'authenticationMD5Password']) {
    connection.removeAllListeners(event)
    connection.on(event, refuse)
  }
  const [start] = connection.listeners('authenticationSASL') as ((message: unknown) => void)[]
  connection.removeAllListeners('authenticationSASL')
  connection.on('authenticationSASL', (message: { mechanisms: string[] }) => {
    if (message.mechanisms.includes('SCRAM-SHA-256-PLUS')) start?.(message)
    else refuse()
  })
  connection.on('authenticationSASLFinal', () => {
    bound = true
  })
  // The server may accept the connection without a password.
  connection.on('authenticationOk', () => bound || refuse())
}
