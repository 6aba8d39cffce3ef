/** Reads pages as a reader does. */

const ENTITIES: Record<string, string> = { amp: '&', lt: '<', gt: '>', quot: '"', '#39': "'" }

/** The text of a part of a page. */
export const textIn = (part: string): string =>
  part
    .replace(/<[^>]+>/g, ' ')
    .replace(/&(amp|lt|gt|quot|#39);/g, (_, name: string) => ENTITIES[name] as string)
    .replace(/\s+/g, ' ')
    .replace(/ ([.,;:])/g, '$1')
    .trim()

export interface ReadCell {
  text: string
  /** All digits of an amount. */
  title: string | undefined
}

export interface ReadTable {
  heads: string[]
  rows: ReadCell[][]
  /** The row below the line. */
  total: ReadCell[] | undefined
}

const attribute = (tag: string, name: string) =>
  new RegExp(` ${name}="([^"]*)"`).exec(tag)?.[1]?.replace(/&amp;/g, '&')

const cellsOf = (row: string): ReadCell[] =>
  [...row.matchAll(/<(t[hd])\b([^>]*)>(.*?)<\/\1>/gs)].map(([, , tag = '', content = '']) => ({
    text: textIn(content),
    title: attribute(tag, 'title'),
  }))

const rowsOf = (part = ''): ReadCell[][] =>
  [...part.matchAll(/<tr\b[^>]*>(.*?)<\/tr>/gs)].map(([, row = '']) => cellsOf(row))

/** All tables whose caption has a text. */
export function tablesIn(page: string, caption: string): ReadTable[] {
  const tables = [...page.matchAll(/<table\b.*?<\/table>/gs)].map(([table]) => table)
  return tables
    .filter((table) =>
      textIn(/<caption>(.*?)<\/caption>/s.exec(table)?.[1] ?? '').includes(caption),
    )
    .map((table) => ({
      heads: rowsOf(/<thead>(.*?)<\/thead>/s.exec(table)?.[1])[0]?.map(({ text }) => text) ?? [],
      rows: rowsOf(/<tbody>(.*?)<\/tbody>/s.exec(table)?.[1]),
      total: rowsOf(/<tfoot>(.*?)<\/tfoot>/s.exec(table)?.[1])[0],
    }))
}

/** The only table whose caption has a text. */
export function tableIn(page: string, caption: string): ReadTable {
  const [table, ...others] = tablesIn(page, caption)
  if (!table || others.length > 0)
    throw new Error(`${others.length + (table ? 1 : 0)} tables have a caption with ${caption}`)
  return table
}

/** A column of a table by its heading: all digits of amounts, else the texts. */
export function columnIn({ heads, rows, total }: ReadTable, head: string): string[] {
  const place = heads.indexOf(head)
  if (place < 0) throw new Error(`no column ${head} in ${heads.join(', ')}`)
  return [...rows, ...(total ? [total] : [])].map(
    (row) => row[place]?.title ?? row[place]?.text ?? '',
  )
}

/** The figures at the top of a page by their headings: all digits of amounts. */
export const figuresIn = (page: string): Record<string, string> =>
  Object.fromEntries(
    [...page.matchAll(/<dt>([^<]*)<\/dt><dd class="value">(.*?)<\/dd>/gs)].map(
      ([, head = '', value = '']) => [head, attribute(value, 'title') ?? textIn(value)],
    ),
  )

/** What is between the frame: without names that differ in each run. */
export const mainOf = (page: string, database: string): string =>
  (/<main.*<\/main>/s.exec(page)?.[0] ?? '').replaceAll(database, 'DATABASE')

/** The addresses that a page links to. */
export const linksIn = (page: string): string[] =>
  [...page.matchAll(/ href="([^"]*)"/g)].map(([, link = '']) => link.replaceAll('&amp;', '&'))
