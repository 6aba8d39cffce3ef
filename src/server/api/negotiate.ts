import { parseAccept } from 'hono/utils/accept'
import type { AnswerFormat } from './endpoints.ts'

export const MEDIA_TYPES: Readonly<Record<AnswerFormat, string>> = {
  json: 'application/json',
  jsonl: 'application/x-ndjson',
  csv: 'text/csv',
  tsv: 'text/tab-separated-values',
  html: 'text/html',
}

/** The value of Content-Type. JSON is UTF-8 by definition. */
export const contentTypeOf = (format: AnswerFormat): string =>
  format === 'json' || format === 'jsonl'
    ? MEDIA_TYPES[format]
    : `${MEDIA_TYPES[format]}; charset=utf-8`

/**
 * The format that a client prefers; the first one of equal ones.
 * @returns undefined if it accepts none of them
 */
export function negotiate(
  accept: string | undefined,
  formats: readonly AnswerFormat[],
): AnswerFormat | undefined {
  if (accept === undefined || accept.trim() === '' || accept === '*/*') return formats[0]
  const wishes = parseAccept(accept)
  const best = formats
    .map((format) => ({ format, q: qualityOf(MEDIA_TYPES[format], wishes) }))
    .sort((a, b) => b.q - a.q)[0]
  return best && best.q > 0 ? best.format : undefined
}

interface Wish {
  type: string
  q: number
}

/** The wish that names the type most exactly counts. */
function qualityOf(type: string, wishes: readonly Wish[]): number {
  const [family] = type.split('/')
  for (const range of [type, `${family}/*`, '*/*']) {
    const found = wishes.filter((wish) => wish.type.toLowerCase() === range)
    if (found.length > 0) return Math.max(...found.map(({ q }) => q))
  }
  return 0
}
