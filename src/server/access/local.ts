import type { Authenticate } from './access.ts'

/**
 * On a loopback address: a program of this machine without a token may read. A request that a proxy has passed on comes from
 * elsewhere. A cookie may be that of another server of this host, so only a token in the header is refused.
 */
export const orLocal =
  (authenticate: Authenticate): Authenticate =>
  async (request, address) => {
    const found = await authenticate(request, address)
    const { headers } = request
    if (found !== 'none' && (found !== 'wrong' || headers.has('authorization'))) return found
    if (isForwarded((name) => headers.has(name))) return 'none'
    return { name: 'local', can: 'read' }
  }

/** True for a request that a proxy has passed on. */
export const isForwarded = (has: (name: string) => boolean): boolean => PROXIES.some(has)

const PROXIES = ['forwarded', 'x-forwarded-for', 'x-forwarded-host', 'x-real-ip']
