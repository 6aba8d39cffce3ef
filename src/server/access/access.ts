import type { WfstoreError } from '../../error.ts'
import type { Caller } from '../../handler.ts'

/**
 * Says who sends a request: a caller; 'none' if it has no credentials; 'wrong' if they are unknown, expired or revoked. A Response,
 * such as a redirect to the login of an application, is sent instead of the answer.
 * @param address of the client, if it is known
 */
export type Authenticate = (
  request: Request,
  address?: string,
) => Promise<Caller | 'none' | 'wrong' | Response>

/** Who may ask, and from where. */
export interface SiteAccess {
  authenticate: Authenticate
  /** Where people log in. Without it a page that needs a caller answers 401. */
  login?: LoginPages | undefined
  /** The error for a request without a caller (default: it asks for a token). */
  unknown?: WfstoreError | undefined
  /** Origins whose scripts may read answers, such as 'https://grafana.example.com' (default: none). */
  cors?: readonly string[] | undefined
  /** The names of this server, besides the one in the Host header, from which forms and scripts may write. */
  hosts?: readonly string[] | undefined
  /** X-Forwarded-Host and X-Forwarded-Proto are written by a proxy, and not by the client. */
  behindProxy?: boolean | undefined
}

export interface LoginPages {
  /** Below the base path. The first one is where pages send a browser without a caller: '/login'. None requires a caller. */
  paths: readonly [string, ...string[]]
  /** Answers a request to one of the paths. */
  answer: (request: Request, address?: string) => Promise<Response>
}
