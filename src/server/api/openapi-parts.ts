import type { JsonSchema } from './schema.ts'

/** What the operations of /openapi.json share. */

export const ERROR: JsonSchema = {
  type: 'object',
  properties: {
    error: {
      type: 'object',
      properties: {
        code: { type: 'string', description: 'It is stable: programs check it.' },
        message: { type: 'string' },
        hint: { type: 'string', description: 'What to do.' },
      },
      required: ['code', 'message'],
      additionalProperties: false,
    },
  },
  required: ['error'],
  additionalProperties: false,
}

export const READ_REFUSALS = [400, 401, 403, 404, 406, 500, 503, 504]
export const ACTION_REFUSALS = [400, 401, 403, 404, 406, 409, 413, 415, 422, 500, 503]

export const REFUSALS: Readonly<Record<number, string>> = {
  400: 'A parameter is unknown or invalid.',
  401: 'There is no token, or it is wrong.',
  403: 'The database or the server refuses this.',
  404: 'There is no such row.',
  406: 'No type in the header Accept is available.',
  409: 'The store does not allow this now, such as a payment of a bill that is paid.',
  413: 'The body is too large.',
  415: 'The body is not JSON.',
  422: 'The Idempotency-Key belongs to another request.',
  500: 'The server has an error of its own.',
  503: 'The server is busy, or the database cannot be used. Try again after Retry-After.',
  504: 'The query takes too long.',
}

export const HEADERS: Readonly<Record<string, JsonSchema>> = {
  ETag: {
    description: 'For If-None-Match. An answer that is streamed has none.',
    schema: { type: 'string' },
  },
  Link: {
    description:
      'rel="next": the next page of a list. The last page, and an answer that is streamed, have none.',
    schema: { type: 'string' },
  },
  'Wfstore-Note': {
    description:
      'What people should know about the answer, such as calls without a price. Percent-encoded, separated by commas.',
    schema: { type: 'string' },
  },
}
