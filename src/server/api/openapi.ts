import { WfstoreError } from '../../error.ts'
import type { CommandLine, Site } from '../site.ts'
import type { CommandDescription, FlagDescription, PrintedDescription } from './description.ts'
import { type AnswerFormat, type ApiEndpoint, ENDPOINTS, FORMATS } from './endpoints.ts'
import { MEDIA_TYPES } from './negotiate.ts'
import { flagSchema, type JsonSchema, objectSchema } from './schema.ts'
import { parametersOf } from './words.ts'

export const BASE = '/api/v1'

type Described = Pick<Site, 'commandLine' | 'basePath' | 'version'>

/** The document of the API, made of the descriptions of the commands. */
export async function openApi({ commandLine, basePath, version }: Described): Promise<JsonSchema> {
  const schemas: Record<string, JsonSchema> = { Error: ERROR }
  const paths: Record<string, Record<string, JsonSchema>> = {}
  for (const endpoint of ENDPOINTS) {
    const operation = await operationOf(endpoint, commandLine, schemas)
    const path = endpoint.path.replace(/:(\w+)/g, '{$1}')
    paths[path] = { ...paths[path], [endpoint.method.toLowerCase()]: operation }
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'wfstore',
      version,
      description:
        'What the commands of wfstore print, over HTTP. A parameter is a flag of the command, and JSON is that of `-o json`.',
      license: { name: 'MIT', identifier: 'MIT' },
    },
    servers: [{ url: `${basePath}${BASE}` }],
    security: [{ token: [] }],
    paths,
    components: {
      schemas,
      responses: Object.fromEntries(
        Object.entries(REFUSALS).map(([status, description]) => [
          `Error${status}`,
          { description, content: { 'application/json': { schema: ref('Error') } } },
        ]),
      ),
      headers: HEADERS,
      securitySchemes: {
        token: {
          type: 'http',
          scheme: 'bearer',
          description:
            'A token of `wfstore token create`. On a loopback address reading may need none.',
        },
      },
    },
  }
}

const ref = (name: string) => ({ $ref: `#/components/schemas/${name}` })

const ERROR: JsonSchema = {
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

const REFUSALS: Readonly<Record<string, string>> = {
  400: 'A parameter is unknown or invalid.',
  401: 'There is no token, or it is wrong.',
  403: 'The database or the server refuses this.',
  404: 'There is no such row.',
  406: 'No type in the header Accept is available.',
  500: 'The server has an error of its own.',
  503: 'The server is busy, or the database cannot be used. Try again after Retry-After.',
  504: 'The query takes too long.',
}

const HEADERS: Readonly<Record<string, JsonSchema>> = {
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

async function operationOf(
  endpoint: ApiEndpoint,
  commandLine: CommandLine,
  schemas: Record<string, JsonSchema>,
): Promise<JsonSchema> {
  const { command: words, path, without, summary } = endpoint
  const command = await commandLine.describe(words)
  const printed = printedOf(endpoint, command)
  schemas[endpoint.schema] ??= objectSchema(printed.members)
  const flags = parametersOf(command, without)
  const hasId = path.includes(':')
  const refusals = Object.keys(REFUSALS).filter((status) => hasId || status !== '404')
  return {
    operationId: operationId(endpoint),
    tags: [path.split('/')[1]],
    summary: summary ?? command.summary,
    ...(summary === undefined && { description: descriptionOf(command) }),
    parameters: [
      ...(hasId ? [idParameter(command)] : []),
      ...flags.map((flag) => parameterOf(flag, printed)),
      outputParameter(endpoint.formats ?? FORMATS),
    ],
    responses: {
      200: {
        description: 'The output of the command.',
        headers: Object.fromEntries(
          Object.keys(HEADERS).map((name) => [name, { $ref: `#/components/headers/${name}` }]),
        ),
        content: contentOf(endpoint, printed, hasId, flags),
      },
      304: { description: 'The answer has the ETag of If-None-Match.' },
      ...Object.fromEntries(
        refusals.map((status) => [status, { $ref: `#/components/responses/Error${status}` }]),
      ),
    },
  }
}

/** Such as 'getExecutionsRunning'. */
const operationId = ({ method, path }: ApiEndpoint): string =>
  method.toLowerCase() +
  path
    .split(/[/:-]/)
    .map((part) => part.charAt(0).toUpperCase() + part.slice(1))
    .join('')

const descriptionOf = ({ description, about }: CommandDescription): string =>
  about === undefined ? description : `${description} ${about.replaceAll('\n', ' ')}`

export function printedOf(
  { fixed = [], command: words }: ApiEndpoint,
  { printed }: CommandDescription,
): PrintedDescription {
  const found = printed.find(({ flag }) => flag === undefined || fixed.includes(`--${flag}`))
  if (found) return found
  throw new WfstoreError('failed', `the output of ${words.join(' ')} is not described`)
}

const idParameter = ({ argument }: CommandDescription): JsonSchema => ({
  name: 'id',
  in: 'path',
  required: true,
  description: argument?.description,
  schema: { type: 'string' },
})

function parameterOf(flag: FlagDescription, { members }: PrintedDescription): JsonSchema {
  const { name, description, mandatory } = flag
  const base = { name, in: 'query', ...(mandatory && { required: true }) }
  if (name !== 'columns') return { ...base, description, schema: flagSchema(flag) }
  return {
    ...base,
    description: 'members of the objects, in this order; the others are left out',
    explode: false,
    schema: { type: 'array', items: { enum: members.map((member) => member.name) } },
  }
}

const outputParameter = (formats: readonly AnswerFormat[]): JsonSchema => ({
  name: 'output',
  in: 'query',
  description: 'the format, instead of the header Accept',
  schema: { enum: formats },
})

function contentOf(
  { schema, formats = FORMATS }: ApiEndpoint,
  { form }: PrintedDescription,
  hasId: boolean,
  flags: readonly FlagDescription[],
): JsonSchema {
  const isOne = form === 'record' || (form === 'either' && hasId)
  const list = { type: 'array', items: ref(schema) }
  const page = {
    type: 'object',
    description: 'With the parameter page.',
    properties: { rows: list, nextCursor: { type: ['string', 'null'] } },
    required: ['rows', 'nextCursor'],
    additionalProperties: false,
  }
  const isPaged = flags.some(({ name }) => name === 'page')
  const json = isOne ? ref(schema) : isPaged ? { anyOf: [list, page] } : list
  return Object.fromEntries(
    formats.map((format) => [
      MEDIA_TYPES[format],
      format === 'json'
        ? { schema: json }
        : format === 'jsonl'
          ? { schema: { type: 'string' }, 'x-line-schema': ref(schema) }
          : { schema: { type: 'string' } },
    ]),
  )
}
