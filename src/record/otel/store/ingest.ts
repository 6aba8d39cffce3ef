import type { InTransaction } from '../../../db/query/isolation.ts'
import { WfstoreError } from '../../../error.ts'
import { checkNames, type Names } from '../../../options.ts'
import { booleanOf, countOf, nameOf } from '../../../queries/table/validate.ts'
import { addRejected } from '../decode/rejected.ts'
import { DEFAULT_MAPPING } from '../mapping.ts'
import type { IngestOptions, Received, Reconciled, SettleOptions } from '../options.ts'
import type { Mapping } from '../types.ts'
import { receive } from './receive.ts'
import { settleTraces } from './reconcile.ts'

const INGEST: Names<IngestOptions> = {
  encoding: true,
  workflow: true,
  user: true,
  session: true,
  mode: true,
  tags: true,
  trustCost: true,
  content: true,
}

const CONTENT: Names<NonNullable<IngestOptions['content']>> = { limit: true, drop: true }

const SETTLE: Names<SettleOptions> = {
  quietMs: true,
  abandonMs: true,
  defaultUser: true,
  defaultMode: true,
}

/** Keeps the spans of a request of OTLP. @throws WfstoreError usage for another request */
export async function ingestRequest(
  inTransaction: InTransaction,
  request: object,
  options: IngestOptions = {},
): Promise<Received> {
  checkNames('ingest', options, INGEST)
  checkNames('content', options.content, CONTENT)
  const mapping = mappingOf(options)
  const { encoding = 'json' } = options
  if (encoding !== 'json' && encoding !== 'protobuf')
    throw new WfstoreError('usage', 'encoding is neither protobuf nor json')
  // Loaded only by who uses it.
  const [{ decodeRequest }, { spansOf }] = await Promise.all([
    import('../decode/decode.ts'),
    import('../decode/spans.ts'),
  ])
  const { spans, rejected } =
    request instanceof Uint8Array ? await decodeRequest(request, encoding) : spansOf(request)
  const received = await receive(inTransaction, spans, mapping)
  return { ...received, rejected: addRejected(rejected, received.rejected) }
}

/** Writes the runs of the spans that are kept. @throws WfstoreError usage */
export async function settle(
  inTransaction: InTransaction,
  options: SettleOptions = {},
): Promise<Reconciled> {
  checkNames('traces.settle', options, SETTLE)
  const { defaultUser, defaultMode } = options
  return settleTraces(inTransaction, {
    quietMs: countOf('quietMs', options.quietMs) ?? 30_000,
    abandonMs: countOf('abandonMs', options.abandonMs) ?? 3_600_000,
    defaultUser: nameOf('defaultUser', defaultUser ?? DEFAULT_MAPPING.defaultUser),
    defaultMode: nameOf('defaultMode', defaultMode ?? DEFAULT_MAPPING.defaultMode),
  })
}

function mappingOf({ content, trustCost, tags, ...options }: IngestOptions): Mapping {
  const names = (name: 'workflow' | 'user' | 'session' | 'mode') =>
    namesOf(name, options[name] ?? DEFAULT_MAPPING[name])
  const { drop = [], limit } = content ?? {}
  return {
    ...DEFAULT_MAPPING,
    workflow: names('workflow'),
    user: names('user'),
    session: names('session'),
    mode: names('mode'),
    tags: Object.fromEntries(
      Object.entries(tags ?? {}).map(([tag, names]) => [
        nameOf('a name in tags', tag),
        namesOf(`tags.${tag}`, names),
      ]),
    ),
    trustCost: booleanOf('trustCost', trustCost ?? false),
    content: content && {
      limit: countOf('content.limit', limit) ?? 0,
      drop: namesOf('content.drop', drop),
    },
  }
}

function namesOf(name: string, names: readonly string[]): readonly string[] {
  if (!Array.isArray(names))
    throw new WfstoreError('usage', `${name} is not a list of names of attributes`)
  return names.map((one) => nameOf(`a name in ${name}`, one))
}
