import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { decodeRequest } from '../../../src/record/otel/decode/decode.ts'
import { factsOf } from '../../../src/record/otel/facts.ts'
import { DEFAULT_MAPPING } from '../../../src/record/otel/mapping.ts'
import type { Facts, Mapping, Span } from '../../../src/record/otel/types.ts'

const folder = join(import.meta.dirname, '../../fixtures/otlp')

const readJson = <T>(name: string): T => JSON.parse(readFileSync(join(folder, name), 'utf8')) as T

export type Tokens = Record<
  'input' | 'output' | 'cacheRead' | 'cacheWrite' | 'reasoning',
  number | null
>

export interface ExpectedStep {
  kind: 'model' | 'tool'
  spanIds: string[]
  name?: string
  model?: string
  responseId?: string | null
  status: 'success' | 'failed' | null
  tokens?: Tokens
}

export interface ExpectedRun {
  traceId: string
  name: string | null
  rootMissing: boolean
  status: 'success' | 'failed'
  errorContains?: string
  start: string
  end: string
  models: string[]
  userId: string | null
  sessionId: string | null
  steps: ExpectedStep[]
  totals: Tokens & { total: number }
  totalsByModel: Record<string, Tokens & { total: number }>
}

export interface Expected {
  runs: ExpectedRun[]
  tracesWithoutTokens?: string[]
}

export const CAPTURES: readonly string[] = readdirSync(folder)
  .filter((name) => name.endsWith('.expected.json'))
  .map((name) => name.replace('.expected.json', ''))

export const expectedOf = (capture: string): Expected => readJson(`${capture}.expected.json`)

/** The spans of a capture in order of arrival. */
export async function spansOfCapture(capture: string): Promise<Span[]> {
  const { requests } = readJson<{ requests: { path: string; body: unknown }[] }>(`${capture}.json`)
  const bodies = requests.filter(({ path }) => path === '/v1/traces')
  const decoded = await Promise.all(
    bodies.map(({ body }) => decodeRequest(Buffer.from(JSON.stringify(body)), 'json')),
  )
  return decoded.flatMap(({ spans }) => spans)
}

/** The facts of each trace, in order of the first arrival. */
export function factsByTrace(
  spans: readonly Span[],
  mapping: Mapping = DEFAULT_MAPPING,
): Map<string, Facts[]> {
  const traces = new Map<string, Facts[]>()
  for (const span of spans) {
    const facts = traces.get(span.traceId) ?? []
    facts.push(factsOf(span, mapping))
    traces.set(span.traceId, facts)
  }
  return traces
}
