import { WfstoreError } from '../../error.ts'
import type { CommandLine, Site } from '../site.ts'
import type { CommandDescription, FlagDescription, PrintedDescription } from './description.ts'
import { type AnswerFormat, type ApiEndpoint, ENDPOINTS, FORMATS } from './endpoints.ts'
import { MEDIA_TYPES } from './negotiate.ts'
import { ACTION_REFUSALS, ERROR, HEADERS, READ_REFUSALS, REFUSALS } from './openapi-parts.ts'
import { bodyValueSchema, flagSchema, type JsonSchema, objectSchema } from './schema.ts'
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
  const places = [...path.matchAll(/:(\w+)/g)].map(([, name = '']) => pathParameter(name, command))
  const base = {
    operationId: operationId(endpoint),
    tags: [path.split('/')[1]],
    summary: summary ?? command.summary,
    ...(summary === undefined && { description: descriptionOf(command) }),
  }
  if (endpoint.kind === 'action')
    return {
      ...base,
      parameters: [...places, IDEMPOTENCY_KEY],
      requestBody: {
        required: flags.some(({ mandatory }) => mandatory),
        content: { 'application/json': { schema: bodySchema(flags, printed) } },
      },
      responses: {
        200: {
          description:
            'The result. A repeated request with the same Idempotency-Key gets it again.',
          headers: headersOf(['Wfstore-Note']),
          content: { 'application/json': { schema: resultSchema(endpoint, command, printed) } },
        },
        ...refusalsOf(ACTION_REFUSALS, places.length > 0),
      },
    }
  return {
    ...base,
    parameters: [
      ...places,
      ...flags.map((flag) => ({ ...parameterOf(flag, printed), in: 'query' })),
      outputParameter(endpoint.formats ?? FORMATS),
    ],
    responses: {
      200: {
        description: 'The output of the command.',
        headers: headersOf(Object.keys(HEADERS)),
        content: contentOf(endpoint, printed, places.length > 0, flags),
      },
      304: { description: 'The answer has the ETag of If-None-Match.' },
      ...refusalsOf(READ_REFUSALS, places.length > 0),
    },
  }
}

const headersOf = (names: readonly string[]): JsonSchema =>
  Object.fromEntries(names.map((name) => [name, { $ref: `#/components/headers/${name}` }]))

const refusalsOf = (statuses: readonly number[], hasPlace: boolean): JsonSchema =>
  Object.fromEntries(
    statuses
      .filter((status) => hasPlace || status !== 404)
      .map((status) => [status, { $ref: `#/components/responses/Error${status}` }]),
  )

const IDEMPOTENCY_KEY: JsonSchema = {
  name: 'Idempotency-Key',
  in: 'header',
  description: 'A new UUID for each action. Only a request with dry-run needs none.',
  schema: { type: 'string', maxLength: 255 },
}

const bodySchema = (flags: readonly FlagDescription[], printed: PrintedDescription): JsonSchema => {
  const members = flags.map((flag) => parameterOf(flag, printed))
  return {
    type: 'object',
    properties: Object.fromEntries(
      members.map(({ name, description, schema }) => [
        name,
        { ...bodyValueSchema(schema), description },
      ]),
    ),
    required: flags.flatMap(({ name, mandatory }) => (mandatory ? [name] : [])),
    additionalProperties: false,
  }
}

/** A dry run may have another result. */
function resultSchema(
  { schema }: ApiEndpoint,
  { printed: all }: CommandDescription,
  printed: PrintedDescription,
): JsonSchema {
  const result = printed.form === 'record' ? ref(schema) : { type: 'array', items: ref(schema) }
  const dry = all.find(({ flag }) => flag === 'dry-run')
  return dry ? { anyOf: [result, objectSchema(dry.members)] } : result
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

function printedOf(
  { fixed = [], command: words }: ApiEndpoint,
  { printed }: CommandDescription,
): PrintedDescription {
  const found = printed.find(({ flag }) => flag === undefined || fixed.includes(`--${flag}`))
  if (found) return found
  throw new WfstoreError('failed', `the output of ${words.join(' ')} is not described`)
}

const pathParameter = (name: string, { argument, flags }: CommandDescription): JsonSchema => ({
  name,
  in: 'path',
  required: true,
  description:
    name === 'id' ? argument?.description : flags.find((flag) => flag.name === name)?.description,
  schema: { type: 'string' },
})

interface Parameter {
  name: string
  description: string
  required?: true
  explode?: false
  schema: JsonSchema
}

/** Descriptions of flags that speak of a terminal. */
const DESCRIPTIONS: Readonly<Record<string, string>> = {
  limit: 'rows of the answer, or all (default: all)',
  page: 'answer JSON with an object: the rows and the next cursor',
  cursor: 'continue from this cursor',
  tz: 'time zone (IANA name) of dates that you give (default: UTC)',
}

function parameterOf(flag: FlagDescription, { members }: PrintedDescription): Parameter {
  const { name, mandatory, default: preset } = flag
  const required = mandatory ? ({ required: true } as const) : {}
  if (name === 'columns')
    return {
      name,
      description: 'members of the objects, in this order; the others are left out',
      explode: false,
      schema: { type: 'array', items: { enum: members.map((member) => member.name) } },
    }
  const text = DESCRIPTIONS[name] ?? flag.description
  const isTold = name in DESCRIPTIONS || preset === undefined || text.includes('(default')
  const description = isTold ? text : `${text} (default: ${preset})`
  return { name, ...required, description, schema: flagSchema(flag) }
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
