import { databaseError } from '../../../db/query/errors.ts'
import type { InTransaction } from '../../../db/query/isolation.ts'
import { DEFAULT_MAPPING } from '../../../record/otel/mapping.ts'
import { startReconciling } from '../../../record/otel/store/loop.ts'
import { receive } from '../../../record/otel/store/receive.ts'
import type { ReconcileOptions } from '../../../record/otel/store/work.ts'
import type { Mapping } from '../../../record/otel/types.ts'
import type { Handler } from '../../../server/listen.ts'
import { type OtlpOptions, otlpHandler } from '../../../server/otlp.ts'
import type { Context } from '../../context.ts'
import { type IngestFlags, mappingOf, patienceOf } from './options.ts'
import type { Refusals } from './refusals.ts'

/** How traces become runs, and when. */
interface Receiving {
  mapping: Mapping
  reconciling: ReconcileOptions
}

/** The flags, else the config, else the defaults. @throws WfstoreError usage */
export function readReceiving(context: Context, flags: IngestFlags): Receiving {
  const config = context.settings().config?.ingest ?? {}
  return {
    mapping: mappingOf(flags, config, DEFAULT_MAPPING),
    reconciling: { ...DEFAULT_MAPPING, ...patienceOf(flags, config, 'network') },
  }
}

interface ReceiverOptions extends Receiving, Pick<OtlpOptions, 'admit'> {
  inTransaction: InTransaction
  refusals: Refusals
}

/** Takes traces over HTTP and writes their runs until the command ends. */
export function startReceiver(
  context: Context,
  { mapping, reconciling: options, inTransaction, refusals, admit }: ReceiverOptions,
): Handler {
  const reconciling = startReconciling(inTransaction, options, (error) =>
    refusals.add('run', databaseError(error).message),
  )
  context.atEnd(reconciling.stop)
  return otlpHandler({
    ingest: async (spans) => {
      const { rejected } = await receive(inTransaction, spans, mapping)
      reconciling.wake()
      return rejected
    },
    admit,
    onRefused: (reason, spans) => refusals.add(spans ? 'span' : 'request', reason, spans),
    onError: (error) => refusals.add('request', databaseError(error).message),
  })
}
