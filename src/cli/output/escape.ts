/**
 * What a terminal would obey, or the eye could not see: control characters, line and paragraph
 * separators, the byte order mark, bidirectional controls, and halves of surrogate pairs.
 * CRLF is one match, so that a line end can be kept where a lone CR is not.
 */
const HOSTILE = /\r\n|[\p{Cc}\p{Cs}\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]/gu

const NAMED: Record<string, string> = {
  '\n': '\\n',
  '\t': '\\t',
  '\r': '\\r',
  '\r\n': '\\r\\n',
}

/** The text with everything hostile made visible, except what is in `keep`. */
export function show(text: string, keep: readonly string[] = []): string {
  return text.replace(HOSTILE, (found) => (keep.includes(found) ? found : visible(found)))
}

/** A string as JSON; what JSON itself would let through is written as \uXXXX, which loses nothing. */
export function quoteJson(text: string): string {
  return escapeInJson(JSON.stringify(text))
}

/** The same for a string that is JSON already, quotes included. */
export function escapeInJson(quoted: string): string {
  return quoted.replace(HOSTILE, (found) => [...found].map(unicode).join(''))
}

function visible(found: string): string {
  const named = NAMED[found]
  if (named !== undefined) return named
  const code = found.charCodeAt(0)
  return code < 0x100 ? `\\x${code.toString(16).padStart(2, '0')}` : unicode(found)
}

const unicode = (char: string) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`
