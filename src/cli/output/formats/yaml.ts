import type { Column } from '../column.ts'
import { jsonTokens, toJson } from './json.ts'
import type { StreamFormat } from './stream-formats.ts'

/**
 * YAML 1.2 from JSON text. Numbers keep all their digits, which a library that knows only JavaScript's numbers would
 * round. A string that YAML could read as something else keeps its quotes: JSON strings are YAML strings.
 */

export const toYaml = (json: string): string => written(nodeOf(json))

/** A list of rows, or one record. */
export function yamlStream<Row>(columns: readonly Column<Row>[]): StreamFormat<Row> {
  const node = (row: Row) => nodeOf(toJson(columns, row, undefined))
  return {
    open: '',
    row: (row) => written(itemOf(node(row))),
    record: (row) => written(node(row)),
    close: (count) => (count === 0 ? '[]\n' : ''),
  }
}

/** A value on the line of its key, or a block of lines below it. */
type Node = string | string[]

const written = (node: Node) =>
  [node]
    .flat()
    .map((line) => `${line}\n`)
    .join('')

const nodeOf = (json: string): Node => readNode(jsonTokens(json))

function readNode(tokens: Iterator<string>, first = next(tokens)): Node {
  if (first === '[') return readItems(tokens)
  return first === '{' ? readMembers(tokens) : scalar(first)
}

function readItems(tokens: Iterator<string>): string[] {
  const lines: string[] = []
  for (let token = next(tokens); token !== ']'; token = next(tokens))
    if (token !== ',') lines.push(...itemOf(readNode(tokens, token)))
  return lines
}

const itemOf = (node: Node): string[] => marked('- ', node)

function readMembers(tokens: Iterator<string>): string[] {
  const lines: string[] = []
  for (let token = next(tokens); token !== '}'; token = next(tokens)) {
    if (token === ',') continue
    const key = scalar(token)
    next(tokens)
    const node = readNode(tokens)
    if (key.length > LONGEST_KEY) lines.push(`? ${key}`, ...marked(': ', node))
    else if (typeof node === 'string') lines.push(`${key}: ${node}`)
    else lines.push(`${key}:`, ...node.map(indented))
  }
  return lines
}

/** YAML looks for the colon after a key within 1024 characters. */
const LONGEST_KEY = 1000

const indented = (line: string) => `  ${line}`

const marked = (mark: string, node: Node): string[] => {
  const [first = '', ...more] = [node].flat()
  return [mark + first, ...more.map(indented)]
}

function next(tokens: Iterator<string>): string {
  const { value, done } = tokens.next()
  if (done) throw new Error('the JSON text ends too early')
  return value
}

/** Text that is the same without quotes, also for readers of YAML 1.1. */
const PLAIN = /^\p{L}[\p{L}\p{N}_@./-]*(?: [\p{L}\p{N}_@./-]+)*$/u
const WORD = /^(?:y|yes|n|no|true|false|on|off|null)$/i
const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/

function scalar(token: string): string {
  if (!token.startsWith('"')) return token
  const text = token.slice(1, -1)
  if (UUID.test(text) || (PLAIN.test(text) && !WORD.test(text))) return text
  return token.replace(ESCAPE, (found, high?: string, low?: string) =>
    high === undefined || low === undefined ? found : wholeEscape(high, low),
  )
}

/** An escape, or two for the halves of one character, which YAML writes as one. */
const ESCAPE = /\\(?:u(d[89ab][0-9a-f]{2})\\u(d[c-f][0-9a-f]{2})|.)/gi

const wholeEscape = (high: string, low: string): string => {
  const code = String.fromCharCode(Number.parseInt(high, 16), Number.parseInt(low, 16)).codePointAt(
    0,
  )
  return `\\U${(code ?? 0).toString(16).padStart(8, '0')}`
}
