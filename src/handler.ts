import type { IncomingMessage, ServerResponse } from 'node:http'
import { isPool, type Queryable } from './db/query/connection.ts'
import type { ReplicaOptions } from './db/replica/replica.ts'
import { WfstoreError } from './error.ts'
import { checkNames } from './options.ts'
import type { Store } from './store/types.ts'
import { connectionsOf } from './store.ts'

/** `write` includes `read`. */
export type Right = 'read' | 'write'

/** Who sends a request. */
export interface Caller {
  /** The name of a token, or of a user of the application. Audit entries of actions contain it. */
  name: string
  can: Right
}

/** The user of a request to the old routes. */
export interface OldUser {
  userId: string
  /** An admin may clean up and set up the tables. */
  isAdmin?: boolean | undefined
}

/** What a function of the application may return at once or later. */
export type Awaitable<T> = T | Promise<T>

export interface HandlerOptions {
  /** What `openStore` has returned, with a URL or a Pool. */
  store: Store
  /**
   * Says who sends a request; it is called for each one except probes and assets. Undefined refuses the request with 401; a
   * Response, such as a redirect to a login page, is sent instead. If it throws, the answer is 500.
   */
  authorize: (request: Request) => Awaitable<Caller | Response | undefined>
  /** The path below which the handler is mounted, such as '/wfstore' (default: ''). The request has the whole path. */
  basePath?: string | undefined
  /** Says which user sends a request to the old routes, such as /api/workflow. Without it there are no old routes. */
  userOf?: ((request: Request) => Awaitable<OldUser | undefined>) | undefined
  /** Whether a caller that can write may cancel, fail, pay, close, correct and clean up (default: false). */
  allowWrites?: boolean | undefined
  /** The origins whose scripts may read answers, such as 'https://grafana.example.com' (default: none). */
  cors?: readonly string[] | undefined
  /** A statement that takes longer is cancelled, and the answer is 504 (default: 30,000 ms). */
  statementTimeoutMs?: number | undefined
  /** When it is aborted, streams of events end. */
  signal?: AbortSignal | undefined
  /** Called with each error that a client gets as a status of 500 or more. */
  onError?: ((error: unknown) => void) | undefined
}

/** The options after their check. @internal */
export interface Mount extends Omit<HandlerOptions, 'store'> {
  connections: Queryable
  replica?: ReplicaOptions | undefined
  basePath: string
}

/** The server is a part of the bundled command line, which an application without a handler never loads. @internal */
export interface ServerBundle {
  mount: (mount: Mount) => (request: Request) => Promise<Response>
  listener: (
    handler: (request: Request) => Awaitable<Response>,
  ) => (request: IncomingMessage, response: ServerResponse) => Promise<void>
}

let loaded: Promise<ServerBundle> | undefined
/** Node and bundlers follow `imports` of package.json. For TypeScript it is declared: src/cli is no part of the library. */
const load = (): Promise<ServerBundle> => {
  loaded ??= import('#server')
  return loaded
}

/**
 * The pages and the API of `wfstore serve`, for an application that has a server: a function from a Request to its Response
 * (docs/SERVE.md). It connects with the first request.
 * @throws WfstoreError usage if an option is invalid
 */
export function createHandler(options: HandlerOptions): (request: Request) => Promise<Response> {
  const mounted = checked(options)
  let site: Promise<(request: Request) => Promise<Response>> | undefined
  return async (request) => {
    site ??= load().then(({ mount }) => mount(mounted))
    return (await site)(request)
  }
}

/**
 * A listener of node:http, or a middleware of Express, for a handler: `createServer(nodeListener(handler))`. In Express it comes before
 * middleware that reads bodies, such as express.json().
 */
export function nodeListener(
  handler: (request: Request) => Awaitable<Response>,
): (request: IncomingMessage, response: ServerResponse) => Promise<void> {
  let listening: ReturnType<ServerBundle['listener']> | undefined
  return async (request, response) => {
    listening ??= (await load()).listener(handler)
    await listening(request, response)
  }
}

function checked(options: HandlerOptions): Mount {
  checkNames('createHandler', options ?? {}, { store: true, ...KINDS })
  const { store, basePath = '', ...others } = options ?? {}
  if (others.authorize === undefined)
    throw new WfstoreError('usage', 'createHandler has no authorize', {
      hint: "say who may ask: authorize: (request) => isAdmin(request) ? { name: 'maria', can: 'read' } : undefined",
    })
  for (const [name, [is, what, hint]] of Object.entries(KINDS)) {
    const value = options[name as keyof HandlerOptions]
    if (value !== undefined && !is(value))
      throw new WfstoreError('usage', `${name} of createHandler is not ${what}`, { hint })
  }
  return { ...others, ...poolsOf(store), basePath: basePath.replace(/\/$/, '') }
}

type Kind = [is: (value: unknown) => boolean, what: string, hint: string]
const FUNCTION: Kind = [(value) => typeof value === 'function', 'a function', 'pass a function']
/** PostgreSQL keeps it in 32 bits. */
const LONGEST_TIMEOUT = 2 ** 31 - 1
const isTimeout = (value: unknown): boolean =>
  Number.isInteger(value) && Number(value) >= 1 && Number(value) <= LONGEST_TIMEOUT
const isOrigin = (text: unknown): boolean =>
  typeof text === 'string' && URL.canParse(text) && new URL(text).origin === text

const KINDS: Readonly<Record<Exclude<keyof HandlerOptions, 'store'>, Kind>> = {
  authorize: FUNCTION,
  userOf: FUNCTION,
  onError: FUNCTION,
  basePath: [
    (value) => typeof value === 'string' && /^(\/[\w.~-]+)*\/?$/.test(value),
    'a path',
    "use a path such as '/wfstore'",
  ],
  allowWrites: [(value) => typeof value === 'boolean', 'true or false', 'use true or false'],
  cors: [
    (value) => Array.isArray(value) && value.every(isOrigin),
    'a list of origins',
    "use origins such as ['https://grafana.example.com']",
  ],
  statementTimeoutMs: [isTimeout, 'a number of milliseconds', 'use a number such as 30_000'],
  signal: [
    (value) => value instanceof AbortSignal,
    'an AbortSignal',
    'use the signal of an AbortController',
  ],
}

/** @throws WfstoreError usage if requests cannot have connections of their own */
function poolsOf(store: Store): Pick<Mount, 'connections' | 'replica'> {
  const connections = connectionsOf(store)
  if (connections === undefined)
    throw new WfstoreError('usage', 'store is not a store that openStore has returned', {
      hint: 'pass the store itself, of the same copy of wfstore: `npm ls wfstore` lists the copies',
    })
  const { primary, replica } = connections
  if (!isPool(primary))
    throw new WfstoreError('usage', 'the store of createHandler is open on one Client', {
      hint: 'open it with a databaseUrl or on a Pool: requests need connections of their own',
    })
  // On one Client requests would wait for each other, and share its settings.
  return { connections: primary, replica: replica && isPool(replica.replica) ? replica : undefined }
}
