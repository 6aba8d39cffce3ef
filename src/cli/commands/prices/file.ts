import { CsvError, parse } from 'csv-parse/sync'
import { type Node, type ParseError, parseTree } from 'jsonc-parser'
import { WfstoreError } from '../../../error.ts'
import { nearest } from '../../../nearest.ts'
import { plural } from '../../../numbers.ts'
import { assertOnce, type NewPrice, PRICE_NAMES, pricesOf } from '../../../queries/prices/given.ts'
import { readTime } from '../../options/time.ts'

/** A price of a file: its texts by their names. Empty values are left out. */
interface Line {
  line: number
  values: Record<string, string>
  /** What is wrong with the line itself, such as its number of values. */
  error?: WfstoreError
}

/**
 * The prices of a file: CSV with a header, a JSON array, or JSON lines.
 * @param timeZone of dates and times without a zone
 * @throws WfstoreError usage, with the number of the first invalid line
 */
export async function parsePrices(content: string, timeZone: string): Promise<NewPrice[]> {
  const source = content.replace(/^\uFEFF/, '')
  const lines = /^\s*\[/.test(source)
    ? ofJson(source, 1)
    : /^\s*\{/.test(source)
      ? source.split('\n').flatMap((line, place) => (line.trim() ? ofJson(line, place + 1) : []))
      : ofCsv(source)
  if (lines.length === 0) throw new WfstoreError('usage', 'the file has no prices')
  const prices: NewPrice[] = []
  const faults: { line: number; error: WfstoreError }[] = []
  const seen = new Set<string>()
  for (const { line, values, error } of lines) {
    try {
      if (error) throw error
      const price = await priceOf(values, timeZone)
      assertOnce(pricesOf('the line', price), seen)
      prices.push(price)
    } catch (error) {
      if (!(error instanceof WfstoreError)) throw error
      faults.push({ line, error })
    }
  }
  const [first, ...more] = faults
  if (first === undefined) return prices
  const others = more.slice(0, 2).map(({ line, error }) => `; line ${line}: ${error.message}`)
  const rest = more.length - others.length
  const hidden =
    rest > 0 ? `; ${plural(rest, 'more line')} ${rest === 1 ? 'is' : 'are'} invalid` : ''
  throw new WfstoreError(
    'usage',
    `line ${first.line}: ${first.error.message}${others.join('')}${hidden}`,
    {
      hint: `nothing was imported; ${first.error.hint ?? 'correct the file'}`,
    },
  )
}

async function priceOf(values: Line['values'], timeZone: string): Promise<NewPrice> {
  const { model = '', from, contextOver, source, ...others } = values
  const time = from === undefined ? undefined : await readTime('from', from, timeZone)
  if (typeof time === 'function')
    throw new WfstoreError('usage', `from ${from} depends on the current time`, {
      hint: 'use a date (2026-12-01) or RFC 3339 (2026-12-01T08:00:00Z)',
    })
  return {
    ...others,
    ...{
      model,
      from: time?.at,
      contextOver: contextOver === undefined ? undefined : Number(contextOver),
    },
    source: source as NewPrice['source'],
  }
}

/** @throws WfstoreError usage */
function ofCsv(source: string): Line[] {
  const [header, ...rows] = records(source)
  const titles = header?.record ?? []
  if (titles.length === 1 && titles[0]?.includes(';'))
    throw new WfstoreError('usage', 'line 1: the values are separated by semicolons, not commas', {
      hint: 'nothing was imported; separate values by commas, and write amounts with a point',
    })
  const names = titles.map(nameOf)
  const repeated = names.find((name, place) => names.indexOf(name) !== place)
  if (repeated !== undefined)
    throw new WfstoreError('usage', `line 1: the column ${repeated} is there twice`)
  return rows.map(({ record, line }) => {
    if (record.length !== names.length)
      return {
        ...{ line, values: {} },
        error: new WfstoreError(
          'usage',
          `it has ${plural(record.length, 'value')}, not ${names.length}`,
          { hint: 'put values with commas in quotes' },
        ),
      }
    const values = record.map((value, place) => [names[place], withoutQuote(value).trim()])
    return { line, values: Object.fromEntries(values.filter(([, value]) => value !== '')) }
  })
}

function records(source: string): { record: string[]; line: number }[] {
  try {
    const found = parse(source, {
      info: true,
      skip_empty_lines: true,
      record_delimiter: ['\r\n', '\n', '\r'],
      relax_column_count: true,
    }) as unknown as { record: string[]; info: { lines: number } }[]
    return found.map(({ record, info }) => ({ record, line: info.lines }))
  } catch (error) {
    if (!(error instanceof CsvError)) throw error
    const line = 'lines' in error ? `line ${error.lines}: ` : ''
    throw new WfstoreError('usage', `${line}the file is not CSV: ${error.message}`, {
      hint: 'nothing was imported; use CSV with commas and double quotes, or JSON',
      cause: error,
    })
  }
}

/** In CSV of wfstore, a text that a spreadsheet would take for a formula begins with a quote. */
const withoutQuote = (value: string): string => value.replace(/^'(?=\s*[=+\-@＝＋－＠])/, '')

/** The name of a column: cache-read, cache_read, "Cache read" and cacheRead are the same. @throws WfstoreError usage */
function nameOf(text: string): string {
  const found = Object.keys(PRICE_NAMES).find((name) => comparable(name) === comparable(text))
  if (found !== undefined) return found
  const names = Object.keys(PRICE_NAMES)
  throw new WfstoreError('usage', `line 1: column ${JSON.stringify(text)} is unknown`, {
    hint: `nothing was imported; use ${nearest(text, names) ?? names.join(', ')}`,
  })
}

const comparable = (name: string) => name.replace(/[\s_-]+/g, '').toLowerCase()

/** Numbers are their text, with all digits. @throws WfstoreError usage */
function ofJson(source: string, firstLine: number): Line[] {
  const lineOf = (offset: number) => firstLine + source.slice(0, offset).split('\n').length - 1
  const errors: ParseError[] = []
  const root = parseTree(source, errors, { disallowComments: true, allowTrailingComma: false })
  const [error] = errors
  if (error || !root) {
    throw new WfstoreError('usage', `line ${lineOf(error?.offset ?? 0)}: the file is not JSON`, {
      hint: 'nothing was imported; check commas, quotes and brackets',
    })
  }
  const rows = root.type === 'array' ? (root.children ?? []) : [root]
  return rows.map((row) => {
    const line = lineOf(row.offset)
    if (row.type !== 'object')
      throw new WfstoreError('usage', `line ${line}: a price is not an object`)
    const values = (row.children ?? []).flatMap(({ children }) => {
      const [name, value] = children as [Node, Node]
      const text =
        value.type === 'number'
          ? source.slice(value.offset, value.offset + value.length)
          : value.value
      if (text === null || text === '') return []
      if (typeof text !== 'string')
        throw new WfstoreError('usage', `line ${line}: ${name.value} is not a text or a number`)
      return [[String(name.value), text]]
    })
    return { line, values: Object.fromEntries(values) }
  })
}
