import type { WfstoreError } from '../../../error.ts'
import { wrap } from '../formats/paragraphs.ts'
import { quoteJson, show } from './escape.ts'
import { painter } from './style.ts'

export interface ErrorStyle {
  json: boolean
  color: boolean
  /** The width of the terminal: the line is wrapped at spaces. */
  width?: number | undefined
  /** The stack trace and SQL for --verbose. */
  verbose?: string | undefined
}

/** An error for stderr, without the final line end: one line, more only with `verbose`. */
export function formatError(
  error: WfstoreError,
  { json, color, width, verbose }: ErrorStyle,
): string {
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
  const text = show(`error: ${error.message}${hint}`)
  const line = (width ? wrap(text, 0, width).join('\n') : text).replace(
    'error:',
    paint('red', 'error:'),
  )
  return verbose === undefined ? line : `${line}\n${paint('dim', show(verbose.trimEnd(), ['\n']))}`
}
