import type { WfstoreError } from '../../../error.ts'
import { quoteJson, show } from './escape.ts'
import { painter } from './style.ts'

export interface ErrorStyle {
  json: boolean
  color: boolean
  /** The stack trace and SQL for --verbose. */
  verbose?: string | undefined
}

/** An error for stderr, without the final line end: one line, more only with `verbose`. */
export function formatError(error: WfstoreError, { json, color, verbose }: ErrorStyle): string {
  if (json) {
    const members = [
      `"code":${quoteJson(error.code)}`,
      `"message":${quoteJson(error.message)}`,
      `"hint":${error.hint === undefined ? 'null' : quoteJson(error.hint)}`,
    ]
    if (verbose !== undefined) members.push(`"detail":${quoteJson(verbose)}`)
    return `{"error":{${members.join(',')}}}`
  }
  const paint = painter(color)
  const hint = error.hint === undefined ? '' : `; ${error.hint}`
  const line = `${paint('red', 'error:')} ${show(error.message + hint)}`
  return verbose === undefined ? line : `${line}\n${paint('dim', show(verbose.trimEnd(), ['\n']))}`
}
