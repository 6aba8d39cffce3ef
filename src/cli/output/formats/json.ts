import type { Column } from '../column.ts'
import { isNumeric, nestedRows, readValue, visibleColumns } from '../column.ts'
import { escapeInJson, quoteJson } from '../text/escape.ts'

const NUMBER = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/

/**
 * A row as a JSON object: on one line, or on several lines with `indent` (the indentation of its first line).
 * JSON.stringify cannot write numbers that do not fit a double.
 */
export function toJson<Row>(
  columns: readonly Column<Row>[],
  row: Row,
  indent: string | undefined,
): string {
  const inner = deeper(indent)
  const colon = indent === undefined ? ':' : ': '
  const between = indent === undefined ? ',' : `,\n${inner}`
  let members = ''
  for (const column of columns) {
    if (members !== '') members += between
    members += keyOf(column) + colon + jsonValue(column, readValue(column, row), inner)
  }
  if (members === '' || indent === undefined) return `{${members}}`
  return `{\n${inner}${members}\n${indent}}`
}

const keys = new WeakMap<object, string>()

/** A list needs the names for each row. */
function keyOf<Row>(column: Column<Row>): string {
  const known = keys.get(column)
  if (known !== undefined) return known
  const key = quoteJson(column.name)
  keys.set(column, key)
  return key
}

export function jsonValue<Row>(
  column: Column<Row>,
  value: unknown,
  indent: string | undefined,
): string {
  if (value === null || value === undefined) return column.kind === 'rows' ? '[]' : 'null'
  if (column.kind === 'rows') return jsonRows(column, value, indent)
  if (column.kind === 'json') return rawJson(value, indent)
  if (column.kind === 'boolean' && typeof value === 'boolean') return String(value)
  const text = String(value)
  // JSON has no NaN and Infinity: they become strings.
  return isNumeric(column.kind) && NUMBER.test(text) ? text : quoteJson(text)
}

function jsonRows<Row>(column: Column<Row>, value: unknown, indent: string | undefined): string {
  const { columns, rows } = nestedRows(column, value)
  const shown = visibleColumns(columns, undefined, 'json')
  const objects = rows.map((row) => toJson(shown, row, deeper(indent)))
  return enclose('[', objects, ']', indent)
}

/** Formats JSON text. It copies the tokens, because numbers may not fit a double. */
function rawJson(value: unknown, indent: string | undefined): string {
  const text = typeof value === 'string' ? value : JSON.stringify(value)
  return isJson(text) ? layOut(text, indent) : quoteJson(text)
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}

/** The start of a string, empty brackets, a bracket or separator, or a number or word. */
const TOKEN = /"|\{\s*\}|\[\s*\]|[{}[\],:]|[^\s"{}[\],:]+/g

/** The tokens of JSON text, without white space. Strings keep their quotes, `{}` and `[]` are one token. */
export function* jsonTokens(text: string): Generator<string> {
  const pattern = new RegExp(TOKEN)
  for (let match = pattern.exec(text); match; match = pattern.exec(text)) {
    const [token] = match
    if (token === '"') {
      pattern.lastIndex = endOfString(text, match.index)
      yield escapeInJson(text.slice(match.index, pattern.lastIndex))
    } else yield token.length > 1 && /^[{[]/.test(token) ? token[0] + token.slice(-1) : token
  }
}

function layOut(text: string, indent: string | undefined): string {
  const parts: string[] = []
  let depth = 0
  const newLine = () =>
    indent === undefined ? '' : `\n${indent}${'  '.repeat(Math.max(depth, 0))}`
  for (const token of jsonTokens(text)) {
    if (token === '{' || token === '[') {
      depth++
      parts.push(token, newLine())
    } else if (token === '}' || token === ']') {
      depth--
      parts.push(newLine(), token)
    } else if (token === ',') parts.push(token, newLine())
    else if (token === ':') parts.push(indent === undefined ? ':' : ': ')
    else parts.push(token)
  }
  return parts.join('')
}

/** The index after the closing quote. A regular expression would overflow its stack on megabytes of text. */
function endOfString(text: string, start: number): number {
  let at = start + 1
  while (text[at] !== '"') at += text[at] === '\\' ? 2 : 1
  return at + 1
}

function enclose(open: string, parts: string[], close: string, indent: string | undefined): string {
  if (parts.length === 0) return open + close
  if (indent === undefined) return open + parts.join(',') + close
  const line = `\n${deeper(indent)}`
  return `${open}${line}${parts.join(`,${line}`)}\n${indent}${close}`
}

const deeper = (indent: string | undefined) => (indent === undefined ? undefined : `${indent}  `)
