import { Validator } from '@seriousme/openapi-schema-validator'
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js'
import addFormats from 'ajv-formats'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { ENDPOINTS } from '../../../src/server/api/endpoints.ts'
import type { TestDatabase } from '../../support/database.ts'
import { expectGolden } from '../../support/golden.ts'
import { createDemo, idsOf, QUERY, type Tried, tried } from './support.ts'

interface Operation {
  operationId: string
  parameters: { name: string; in: string; schema: object }[]
  requestBody?: { content: Record<string, Media> }
  responses: Record<string, { $ref?: string; content?: Record<string, Media> }>
}
interface Media {
  schema: object
  'x-line-schema'?: object
}

let database: TestDatabase
let api: Tried
let ids: Record<string, string>
let document: { paths: Record<string, Record<string, Operation>>; components: object }

beforeAll(async () => {
  database = await createDemo('api_openapi')
  api = tried(database)
  ids = await idsOf(database)
  const response = await api.get('/openapi.json')
  document = (await response.json()) as typeof document
})
afterAll(async () => {
  await api.close()
  await database.drop()
})

it('/openapi.json is a document of OpenAPI 3.1', async () => {
  const { valid, errors } = await new Validator().validate(structuredClone(document))
  expect({ valid, errors }).toEqual({ valid: true, errors: undefined })
})

it('/openapi.json describes the commands', () => {
  expectGolden('openapi.json', `${JSON.stringify(document, null, 2)}\n`)
})

/** Parameters that change what an endpoint answers. */
const VARIANTS: Readonly<Record<string, readonly string[]>> = {
  '/executions': [
    'with-children',
    'page&limit=2',
    'limit=2',
    'columns=executionId,steps,totalCost',
  ],
  '/executions/running': ['page&limit=1', 'stuck&stuck-after=1s'],
  '/executions/:id': ['with-children'],
  '/audit': ['page&limit=2&success=false', 'columns=toolInput,logId&limit=5'],
  '/errors': ['page&limit=2'],
  '/cost': ['by=day&total&top=2', 'by=status,week,month'],
  '/billing': ['by=provider,meter,day', 'by=total', 'by=model'],
  '/billing/records': ['period=2026-10&page&limit=2', 'period=2026-11&unpaid'],
  '/billing/lines': ['period=2026-10&page&limit=2'],
  '/metrics': ['page&limit=2', 'type=error_rate'],
  '/prices': ['all', 'model=own-model'],
  '/doctor': ['full'],
}

describe.each(ENDPOINTS.filter(({ kind }) => kind === 'read'))('$path', ({ path, formats }) => {
  const place = path.replace(':id', '{id}')
  const variants = [QUERY[path] ?? '', ...(VARIANTS[path] ?? [])]

  it.each(variants)('answers as its description says: ?%s', async (query) => {
    const url = `/api/v1${path.replace(':id', ids[path] ?? '')}?${query}`
    const response = await api.get(url)
    expect(response.status).toBe(200)
    const answer = await response.json()
    const some = new URLSearchParams(query).has('columns')
    expect(faults(schemaOf(place, 'application/json'), answer, some)).toEqual([])
    if (path !== '/errors') expect(rowsOf(answer)).not.toEqual([])
    if (formats || query.includes('page')) return
    const lines = await (await api.get(url, { accept: 'application/x-ndjson' })).text()
    const line = document.paths[place]?.get?.responses['200']?.content?.['application/x-ndjson']
    for (const text of lines.trimEnd().split('\n'))
      expect(faults(line?.['x-line-schema'] as object, JSON.parse(text), some)).toEqual([])
  })

  it('answers an unknown parameter with a described error', async () => {
    const response = await api.get(`/api/v1${path.replace(':id', ids[path] ?? '')}?no-such=1`)
    expect(response.status).toBe(400)
    expect(faults(ref('Error'), await response.json())).toEqual([])
    expect(document.paths[place]?.get?.responses).toHaveProperty('400')
  })
})

const rowsOf = (answer: unknown) => (answer as { rows?: unknown }).rows ?? answer

const ref = (name: string) => ({ $ref: `#/components/schemas/${name}` })

const schemaOf = (place: string, type: string): object =>
  document.paths[place]?.get?.responses['200']?.content?.[type]?.schema as object

const validators = new Map<string, ValidateFunction>()

/** What differs from a schema. @param some only some members were asked for */
function faults(schema: object, value: unknown, some = false): unknown[] {
  const key = `${some} ${JSON.stringify(schema)}`
  const validate = validators.get(key) ?? compiled(schema, some)
  validators.set(key, validate)
  validate(value)
  return (validate.errors ?? []).map(({ instancePath, message, params }) => ({
    instancePath,
    message,
    params,
  }))
}

function compiled(schema: object, some: boolean): ValidateFunction {
  const { components } = document
  const whole = { ...schema, components }
  const ajv = new Ajv2020({ allErrors: true, strict: false })
  addFormats.default(ajv)
  return ajv.compile((some ? withoutRequired(whole) : whole) as object)
}

function withoutRequired(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(withoutRequired)
  if (typeof schema !== 'object' || schema === null) return schema
  return Object.fromEntries(
    Object.entries(schema)
      .filter(([name, value]) => !(name === 'required' && Array.isArray(value)))
      .map(([name, value]) => [name, withoutRequired(value)]),
  )
}

it.each<[path: string, body: object]>([
  ['/executions/{id}/cancel', {}],
  ['/executions/fail', { 'older-than': '1s', 'dry-run': true }],
  ['/billing/pay', { period: '2026-10', 'payment-id': 'pay_9', rest: true, 'dry-run': true }],
  ['/billing/periods/{period}/close', { 'allow-earlier-open': true, 'dry-run': true }],
  ['/billing/records/{id}/correct', { cost: 0.5, reason: 'agreed', 'dry-run': true }],
  ['/cleanup', { days: 60, 'dry-run': true }],
  ['/cleanup', { days: 80 }],
])('the action %s with %j answers as its description says', async (place, body) => {
  const [id] = await database.sql(
    place.startsWith('/billing')
      ? `select billing_id as id from billing_records where billing_period = '2026-10' limit 1`
      : `select execution_id as id from workflow_executions where status = 'running' limit 1`,
  )
  const operation = document.paths[place]?.post
  const asked = operation?.requestBody?.content['application/json'] as Media
  expect(faults(asked.schema, body)).toEqual([])
  const path = place.replace('{id}', String(id?.id)).replace('{period}', '2026-10')
  const response = await api.post(`/api/v1${path}`, body)
  const answer = await response.json()
  expect([response.status, answer]).toEqual([200, expect.anything()])
  const result = operation?.responses['200']?.content?.['application/json'] as Media
  expect(faults(result.schema, answer)).toEqual([])
})
