import { decode, encode } from '@jridgewell/sourcemap-codec'

/** A source map with lines only: a stack trace shows `src/…:line`. With columns and names a map is as large as the code. */
export function linesOnly(text) {
  const map = JSON.parse(text)
  return JSON.stringify({
    ...map,
    names: [],
    mappings: encode(decode(map.mappings).map(lineStarts)),
  })
}

/** The segments at which the source or its line changes. */
const lineStarts = (segments) =>
  segments
    .filter(([, source, line], at) => {
      const [, lastSource, lastLine] = segments[at - 1] ?? []
      return at === 0 || source !== lastSource || line !== lastLine
    })
    .map(([column, source, line]) => (source === undefined ? [column] : [column, source, line, 0]))
