import { WfstoreError } from '../../error.ts'
import type { Caller, HandlerOptions } from '../../handler.ts'
import type { SiteAccess } from './access.ts'

/** The application says who sends a request. If it fails, or says nothing that is a caller, the request is not answered. */
export function applicationAccess(
  authorize: HandlerOptions['authorize'],
  onError: (error: unknown) => void,
): Pick<SiteAccess, 'authenticate' | 'unknown'> {
  return {
    unknown: new WfstoreError('access_denied', 'the application does not let this request in', {
      hint: 'log in to the application first',
    }),
    authenticate: async (request) => {
      try {
        return checked(await authorize(request))
      } catch (error) {
        onError(error)
        return new Response(null, { status: 500 })
      }
    },
  }
}

function checked(given: unknown): Caller | Response | 'none' {
  if (given === undefined) return 'none'
  if (given instanceof Response) return given
  const { name, can } = (given ?? {}) as Partial<Caller>
  if (typeof name === 'string' && name !== '' && (can === 'read' || can === 'write'))
    return { name, can }
  throw new WfstoreError('usage', 'authorize has not returned a caller', {
    hint: "return { name: 'maria', can: 'read' }, a Response, or undefined to refuse the request",
  })
}
