import { readFile } from 'node:fs/promises'
import type { IncomingMessage } from 'node:http'
import { resolve } from 'node:path'
import { createSecureContext } from 'node:tls'
import { WfstoreError } from '../../../error.ts'
import { hasUsableToken } from '../../../queries/tokens/find.ts'
import type { SiteAccess } from '../../../server/access/access.ts'
import { isForwarded, orLocal } from '../../../server/access/local.ts'
import { hostName } from '../../../server/access/origin.ts'
import { tokenAccess } from '../../../server/access/token-access.ts'
import type { Certificate } from '../../../server/listen.ts'
import * as refusals from '../../../server/refusals.ts'
import type { Site } from '../../../server/site.ts'
import type { Io } from '../../io.ts'
import { type Address, isLocal, urlOf } from '../../options/address.ts'
import type { ServeFlags } from './options.ts'

type Where = ServeFlags & { listen: Address }

/** Whether programs of this machine need no token. Through a proxy others could reach it. */
const isOpen = ({ listen, behindProxy }: Where): boolean => isLocal(listen) && !behindProxy

/** @throws WfstoreError usage if tokens would be sent without encryption, or an option would have no effect */
export function checkOptions(flags: Where): void {
  const { listen, tlsCert, tlsKey, behindProxy, oldUserHeader, oldAdmin, allowWrites } = flags
  if (oldAdmin?.length && !oldUserHeader)
    throw new WfstoreError('usage', '--old-admin needs --old-user-header', {
      hint: 'name the header in which the proxy says who asks',
    })
  if (oldAdmin?.length && !allowWrites)
    throw new WfstoreError('usage', '--old-admin needs --allow-writes', {
      hint: 'an administrator of the old routes cleans up and sets up the tables',
    })
  if ((tlsCert === undefined) !== (tlsKey === undefined))
    throw new WfstoreError('usage', '--tls-cert and --tls-key are needed together', {
      hint: 'give the files of the certificate and of its key',
    })
  if (isLocal(listen) || tlsCert !== undefined || behindProxy) return
  throw new WfstoreError(
    'usage',
    `other machines can reach ${urlOf(listen)}, and it has no encryption`,
    {
      hint: 'give --tls-cert and --tls-key, or --behind-proxy if a proxy has TLS, or listen on 127.0.0.1',
    },
  )
}

/** @throws WfstoreError usage if there is no token although every request needs one */
export async function checkTokens(
  flags: Where,
  { database }: Pick<Site, 'database'>,
): Promise<void> {
  if (isOpen(flags)) return
  const { signal } = new AbortController()
  if (await database.read(signal, ({ run }) => hasUsableToken(run))) return
  throw new WfstoreError('usage', 'every request needs a token here, and there is none', {
    hint: 'run `wfstore token create --name <name>` first',
  })
}

/** The certificate and its key. @throws WfstoreError usage */
export async function readCertificate(
  { tlsCert, tlsKey }: ServeFlags,
  { cwd }: Io,
): Promise<Certificate | undefined> {
  if (tlsCert === undefined || tlsKey === undefined) return undefined
  const read = (file: string) =>
    readFile(resolve(cwd, file)).catch((cause: NodeJS.ErrnoException) => {
      throw new WfstoreError('usage', `${file} cannot be read: ${cause.code ?? cause.message}`, {
        cause,
      })
    })
  const certificate = { cert: await read(tlsCert), key: await read(tlsKey) }
  try {
    createSecureContext(certificate)
    return certificate
  } catch (cause) {
    throw new WfstoreError('usage', `${tlsCert} and ${tlsKey} are not a certificate and its key`, {
      hint: 'both must be PEM, and the key must be that of the certificate, without a passphrase',
      cause,
    })
  }
}

/** Who may ask, and from where. */
export function accessOf(flags: Where, site: Pick<Site, 'database' | 'basePath' | 'now'>) {
  const { cors, host = [], behindProxy = false, oldUserHeader, oldAdmin = [], allowWrites } = flags
  const { authenticate: byToken, login } = tokenAccess({ ...site, behindProxy })
  const authenticate = isOpen(flags) ? orLocal(byToken) : byToken
  const access: SiteAccess = { authenticate, login, cors, hosts: host, behindProxy }
  return {
    access,
    /** The names of the server. Another one in the Host header comes from a site that has taken its address. */
    hosts:
      isOpen(flags) || host.length > 0
        ? new Set([...LOOPBACK, hostName(urlOf(flags.listen)), ...host])
        : undefined,
    /** The old routes trust a header of a caller that may read. */
    userOf:
      oldUserHeader === undefined
        ? undefined
        : async (request: Request) => {
            const caller = await authenticate(request)
            const userId = request.headers.get(oldUserHeader)
            if (!userId || caller instanceof Response || typeof caller === 'string')
              return undefined
            const mayWrite = allowWrites === true && caller.can === 'write'
            return { userId, isAdmin: mayWrite && oldAdmin.includes(userId) }
          },
    /** Who may send traces: as for actions, a token that may write, except for programs of this machine. */
    admit: async ({ headers, socket }: IncomingMessage): Promise<refusals.Refusal | undefined> => {
      const { authorization } = headers
      if (authorization === undefined) {
        const isLocalClient = isOpen(flags) && !isForwarded((name) => name in headers)
        return isLocalClient ? undefined : refusals.NO_TOKEN
      }
      const request = new Request('http://localhost', { headers: { authorization } })
      const caller = await byToken(request, socket.remoteAddress)
      if (caller instanceof Response) return refusals.BUSY
      if (typeof caller === 'string') return refusals.NO_TOKEN
      return caller.can === 'write' ? undefined : refusals.MAY_NOT_WRITE
    },
  }
}

const LOOPBACK = ['localhost', '127.0.0.1', '[::1]']
