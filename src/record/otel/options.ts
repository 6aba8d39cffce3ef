/** What an application gives to `store.ingest` and `store.traces`, and what it gets. */

/** How the attributes of spans become the fields of runs: of several names of attributes the first that is there wins. */
export interface IngestOptions {
  /** How the bytes are encoded (default: 'json'). An object is a request of OTLP/JSON. */
  encoding?: 'protobuf' | 'json' | undefined
  /** Attributes with the name of the workflow. */
  workflow?: readonly string[] | undefined
  /** Attributes with the user who pays. */
  user?: readonly string[] | undefined
  /** Attributes with the conversation. */
  session?: readonly string[] | undefined
  /** Attributes with the part of the application. */
  mode?: readonly string[] | undefined
  /** The attributes of each tag (default: no tags). */
  tags?: { readonly [tag: string]: readonly string[] } | undefined
  /** Take the costs that spans have (default: false, the price book has the costs). */
  trustCost?: boolean | undefined
  /** Keep prompts and answers: at most this number of characters for each (default: they are left out). */
  content?: { limit: number; drop?: readonly string[] | undefined } | undefined
}

export interface SettleOptions {
  /** Ends the runs whose root has ended, if nothing has arrived for this number of milliseconds (default: 30,000). */
  quietMs?: number | undefined
  /** Ends a run without a root as failed, if nothing has arrived for this number of milliseconds (default: 3,600,000). */
  abandonMs?: number | undefined
  /** The user of a run of which no span names one (default: 'unknown'). */
  defaultUser?: string | undefined
  /** The mode of a run of which no span names one (default: 'unknown'). */
  defaultMode?: string | undefined
}

/** Spans that are not stored, by the reason. A reason is a sentence without its end, such as `the trace id is all zeros`. */
export interface Rejected {
  count: number
  reasons: { readonly [reason: string]: number }
}

export interface Received {
  /** Spans that are committed, also those that had arrived before. */
  accepted: number
  rejected: Rejected
}

/** What was done with the traces that were due, in numbers of traces. */
export interface Reconciled {
  /** All of them. */
  traces: number
  /** Runs that have ended. */
  ended: number
  /** Runs that could not be written. They are tried again later. */
  failed: number
}
