import type { InTransaction } from '../db/query/isolation.ts'
import { startReconciling } from '../record/otel/store/loop.ts'
import { receive } from '../record/otel/store/receive.ts'
import type { ReconcileOptions } from '../record/otel/store/work.ts'
import type { Mapping } from '../record/otel/types.ts'
import type { Handler } from './listen.ts'
import { type OtlpOptions, otlpHandler } from './otlp.ts'

export interface ReceiverOptions extends Pick<OtlpOptions, 'admit' | 'onRefused' | 'onError'> {
  inTransaction: InTransaction
  /** How traces become runs, and when. */
  mapping: Mapping
  reconciling: ReconcileOptions
  /** Called with each error after which runs are not written until later. */
  onDelayed: (error: unknown) => void
}

export interface Receiver {
  handler: Handler
  /** Ends the transaction in progress. */
  stop: () => Promise<void>
}

/** Takes traces over HTTP and writes their runs. */
export function startReceiver({
  inTransaction,
  mapping,
  reconciling: options,
  onDelayed,
  ...http
}: ReceiverOptions): Receiver {
  const reconciling = startReconciling(inTransaction, options, onDelayed)
  const handler = otlpHandler({
    ingest: async (spans) => {
      const { rejected } = await receive(inTransaction, spans, mapping)
      reconciling.wake()
      return rejected
    },
    ...http,
  })
  return { handler, stop: reconciling.stop }
}
