import { decode, encode } from '@jridgewell/sourcemap-codec'

/**
 * A source map with lines only: a stack trace shows `src/…:line`. With columns and names a map is as large as the code. Of a
 * package it has only the files, each with line 1.
 */
export function linesOnly(text) {
  const map = JSON.parse(text)
  const isForeign = map.sources.map((source) => /[\\/]node_modules[\\/]/.test(source))
  const mappings = decode(map.mappings).map((segments) =>
    lineStarts(
      segments.map(([column, source, line]) => [column, source, isForeign[source] ? 0 : line]),
    ),
  )
  return JSON.stringify({ ...map, names: [], mappings: encode(mappings) })
}

/** The segments at which the source or its line changes. */
const lineStarts = (segments) =>
  segments
    .filter(([, source, line], at) => {
      const [, lastSource, lastLine] = segments[at - 1] ?? []
      return at === 0 || source !== lastSource || line !== lastLine
    })
    .map(([column, source, line]) => (source === undefined ? [column] : [column, source, line, 0]))
