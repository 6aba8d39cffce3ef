import type { Command } from 'commander'
import { WfstoreError } from '../../error.ts'
import { DEFAULT_MAPPING } from '../../record/otel/mapping.ts'
import type { Mapping } from '../../record/otel/types.ts'
import type { IngestSettings } from '../config/ingest.ts'
import { type Address, parseAddress } from './address.ts'
import type { GlobalOptions } from './global.ts'
import { parseLength } from './length.ts'
import { maxLine } from './max-line.ts'
import { parseQuiet } from './quiet.ts'
import type { Duration } from './span.ts'
import { list, parseText } from './values.ts'

export interface IngestFlags extends GlobalOptions {
  listen?: Address
  quiet?: Duration
  abandon?: Duration
  content?: true
  contentLimit?: number
  dropAttribute?: string[]
  trustCost?: true
  defaultUser?: string
  defaultMode?: string
  maxLine?: number
}

const parseNames = list<string>((name, previous = []) => [...previous, parseText(name)])

/** Each has the name of its key in the section `ingest` of the config. */
export const addIngestOptions = (command: Command): Command =>
  command
    .option('--listen <address>', 'receive OTLP/HTTP at this HOST:PORT', parseAddress)
    .option(
      '--quiet <duration>',
      'wait this long for more spans (default: 30s; for files 0s), or for the root (default: 1h)',
      parseQuiet,
    )
    .option('--abandon <duration>', 'wait this long for the root span', parseQuiet)
    .option('--default-user <id>', 'user of runs that name none (default: unknown)', parseText)
    .option('--default-mode <name>', 'mode of runs that name none (default: unknown)', parseText)
    .option('--trust-cost', 'take the costs that spans have')
    .option('--content', 'also store prompts and answers')
    .option('--content-limit <n>', 'characters of each (default: 64k)', parseLength)
    .option('--drop-attribute <name>', 'do not store this attribute; repeat it', parseNames)
    .option(...maxLine)

const CONTENT_LIMIT = 64 * 1024

/**
 * How attributes become the fields of a run: the flags, else the config, else the defaults.
 * @throws WfstoreError usage for a limit of content that is not stored
 */
export function mappingOf(flags: IngestFlags, config: IngestSettings, usual: Mapping): Mapping {
  const { workflow, user, session, mode, tags } = { ...usual, ...config }
  const wanted = flags.content ?? config.content ?? false
  const { contentLimit, dropAttribute } = flags
  if (!wanted && (contentLimit !== undefined || dropAttribute !== undefined)) {
    const flag = contentLimit === undefined ? '--drop-attribute' : '--content-limit'
    throw new WfstoreError('usage', `${flag} is given without --content`, {
      hint: 'add --content to store prompts and answers',
    })
  }
  const limit = config.contentLimit === undefined ? CONTENT_LIMIT : parseLength(config.contentLimit)
  return {
    workflow,
    user,
    session,
    mode,
    tags,
    defaultUser: flags.defaultUser ?? config.defaultUser ?? usual.defaultUser,
    defaultMode: flags.defaultMode ?? config.defaultMode ?? usual.defaultMode,
    trustCost: flags.trustCost ?? config.trustCost ?? usual.trustCost,
    content: wanted
      ? { limit: contentLimit ?? limit, drop: dropAttribute ?? config.dropAttribute ?? [] }
      : undefined,
  }
}

/** Milliseconds: how long to wait for more spans of a trace whose root has ended, and of one without a root. */
export interface Patience {
  quietMs: number
  abandonMs: number
}

/** A file has all spans of most traces, so it waits for no others unless a flag says so. */
export function patienceOf(
  { quiet, abandon }: IngestFlags,
  config: IngestSettings,
  from: 'file' | 'network',
): Patience {
  return {
    quietMs: quiet?.ms ?? (from === 'file' ? 0 : parseQuiet(config.quiet ?? '30s').ms),
    abandonMs: abandon?.ms ?? parseQuiet(config.abandon ?? '1h').ms,
  }
}

/** How `wfstore ingest --listen` and `wfstore serve --ingest` make runs of traces. @throws WfstoreError usage */
export const receivingOf = (flags: IngestFlags, config: IngestSettings = {}) => ({
  mapping: mappingOf(flags, config, DEFAULT_MAPPING),
  reconciling: { ...DEFAULT_MAPPING, ...patienceOf(flags, config, 'network') },
})
