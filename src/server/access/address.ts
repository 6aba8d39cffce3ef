import type { IncomingMessage } from 'node:http'
import type { Context } from 'hono'
import type { SiteEnv } from '../site.ts'
import type { SiteAccess } from './access.ts'

/** The address of a client. Behind a proxy it is the last of X-Forwarded-For: the client can write the others. */
export function addressOf(
  { env, req }: Context<SiteEnv>,
  { behindProxy }: SiteAccess,
): string | undefined {
  const forwarded = behindProxy
    ? req.header('x-forwarded-for')?.split(',').at(-1)?.trim()
    : undefined
  const { incoming } = (env ?? {}) as { incoming?: IncomingMessage }
  return forwarded || incoming?.socket.remoteAddress
}
