/** A fenced block of a page. */
export interface Block {
  language: string
  /** Its lines, without the indent of the fence. */
  lines: string[]
  indent: string
  /** The index of its first line in the page. */
  first: number
}

export function blocksOf(page: string): Block[] {
  const blocks: Block[] = []
  let open: Block | undefined
  for (const [index, line] of page.split('\n').entries()) {
    const [, indent = '', language = ''] = /^( *)```(\w*)$/.exec(line) ?? []
    if (!/^ *```/.test(line)) open?.lines.push(line.slice(open.indent.length))
    else if (open) {
      blocks.push(open)
      open = undefined
    } else open = { language, indent, lines: [], first: index + 1 }
  }
  return blocks
}

/** The page with other lines in a block. */
export function withLines(page: string, { first, lines, indent }: Block, other: string[]): string {
  const all = page.split('\n')
  all.splice(first, lines.length, ...other.map((line) => (line === '' ? '' : indent + line)))
  return all.join('\n')
}

/** A command of a `console` block and the output below it. */
export interface Shown {
  command: string
  output: string[]
}

export function shownIn(lines: readonly string[]): Shown[] {
  const shown: Shown[] = []
  for (const line of lines) {
    if (line.startsWith('$ ')) shown.push({ command: line.slice(2), output: [] })
    else shown.at(-1)?.output.push(line)
  }
  return shown
}

/** The commands of an `sh` block, without comments; a line that ends with a backslash continues. */
export const commandsIn = (lines: readonly string[]): string[] =>
  lines
    .join('\n')
    .replaceAll(/\\\n\s*/g, '')
    .split('\n')
    .map((line) => line.replace(/(^|\s)#.*/, '').trim())
    .filter((line) => line !== '')

/** Whether these are the lines. In a page "…" stands for any text, and as a line of its own for any lines. */
export function matches(page: readonly string[], actual: readonly string[]): boolean {
  const literal = (text: string) => text.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&')
  const pattern = page.map((line) =>
    line.trim() === '…' ? '(?:.*\n)*?' : `${line.split('…').map(literal).join('.*')}\n`,
  )
  return new RegExp(`^${pattern.join('')}$`).test(actual.map((line) => `${line}\n`).join(''))
}
