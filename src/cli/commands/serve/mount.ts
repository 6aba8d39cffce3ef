import { getRequestListener } from '@hono/node-server'
import type { ConnectionPool } from '../../../db/query/connection.ts'
import type { ServerBundle } from '../../../handler.ts'
import { applicationAccess } from '../../../server/access/application.ts'
import { siteDatabase } from '../../../server/database.ts'
import { createProgram } from '../../program.ts'
import { siteOn } from './site.ts'

// What the library loads for createHandler: `imports` of package.json leads to it.

export const mount: ServerBundle['mount'] = ({ connections, replica, basePath, ...options }) => {
  const { authorize, cors, statementTimeoutMs, onError = () => {} } = options
  const app = siteOn({
    createProgram,
    database: siteDatabase(connections as ConnectionPool, { statementTimeoutMs, replica }),
    access: { ...applicationAccess(authorize, onError), cors },
    basePath,
    userOf: options.userOf,
    allowWrites: options.allowWrites ?? false,
    now: () => new Date(),
    stopping: options.signal ?? new AbortController().signal,
    onError,
  })
  return async (request) => app.fetch(request)
}

export const listener: ServerBundle['listener'] = (handler) => {
  // The global Request and Response are those of the application.
  const answer = getRequestListener(handler, { overrideGlobalObjects: false })
  return async (request, response) => {
    // Express cuts the path of the mount off.
    if ('originalUrl' in request) request.url = String(request.originalUrl)
    await answer(request, response)
  }
}
