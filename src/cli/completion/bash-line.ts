/** A word of a bash command line as it was typed, and what it means. */
export interface Typed {
  text: string
  raw: string
  /** Of the part that is quoted, where its quote is still open. */
  open?: { quote: '"' | "'"; start: number }
  /** Does it hold a quote that is closed? */
  closed: boolean
  /** Where `raw` has characters that are neither quoted nor escaped. */
  bare: number[]
}

/**
 * The words of a command up to the cursor, the last of them '' after a blank; nothing is expanded. `redirected` says
 * that the last names a file behind < or >.
 */
export function splitLine(line: string): { words: Typed[]; redirected: boolean } {
  const words: Typed[] = []
  let redirected = false
  let at = 0
  const blank = /\s/
  for (;;) {
    while (at < line.length && blank.test(line[at] as string)) at++
    const angle = /^\d*(?:>>|<<<|[<>])[|&]?/.exec(line.slice(at))
    if (angle) {
      at += angle[0].length
      if (redirected) words.pop()
      redirected = true
      continue
    }
    const word = readWord(line, at)
    at += word.raw.length
    if (at >= line.length) return { words: [...words, word], redirected }
    if (!redirected) words.push(word)
    redirected = false
  }
}

function readWord(line: string, from: number): Typed {
  const word: Typed = { text: '', raw: '', closed: false, bare: [] }
  let at = from
  while (at < line.length && !/[\s<>]/.test(line[at] as string)) {
    const char = line[at] as string
    if (char === '\\') {
      word.text += line[at + 1] ?? ''
      at += 2
    } else if (char === '"' || char === "'") {
      const end = readQuoted(line, at, char, word)
      if (end === undefined) {
        word.open = { quote: char, start: at + 1 - from }
        at = line.length
      } else {
        word.closed = true
        at = end
      }
    } else {
      word.bare.push(at - from)
      word.text += char
      at++
    }
  }
  word.raw = line.slice(from, Math.min(at, line.length))
  return word
}

/** Where the word goes on behind the closing quote; undefined where there is none. */
function readQuoted(line: string, from: number, quote: string, word: Typed): number | undefined {
  for (let at = from + 1; at < line.length; at++) {
    const char = line[at] as string
    if (char === quote) return at + 1
    if (quote === '"' && char === '\\' && /["\\$`]/.test(line[at + 1] ?? '')) at++
    word.text += line[at]
  }
  return undefined
}

/**
 * What bash puts in place of the last part of a word, so that the word means `value`; undefined where that cannot be
 * said, and nothing must be put there. Nothing in it is ever expanded or run.
 */
export function bashReply(value: string, word: Typed, breaks: string): string | undefined {
  if (word.closed) return undefined
  if (word.open) {
    const { quote, start } = word.open
    const before = word.raw.slice(0, start - 1)
    // What stands before the quote must be plain to be taken off the value.
    if (!value.startsWith(before) || /[\\]/.test(before)) return undefined
    return quoted(value.slice(before.length), quote)
  }
  // Readline replaces what follows the last of its break characters that is not escaped.
  const start = 1 + (word.bare.findLast((at) => breaks.includes(word.raw[at] as string)) ?? -1)
  const reply = escaped(value)
  return reply.startsWith(word.raw.slice(0, start)) ? reply.slice(start) : undefined
}

/** Inside double quotes bash would take a ! for its history, whatever stands before it. */
function quoted(value: string, quote: '"' | "'"): string | undefined {
  if (/[\n\t]/.test(value) || (quote === '"' && value.includes('!'))) return undefined
  const inside =
    quote === "'" ? value.replaceAll("'", `'\\''`) : value.replaceAll(/["\\$`]/g, '\\$&')
  // Readline closes the quote, unless it thinks that this has been done.
  return inside.endsWith(quote) ? inside + quote : inside
}

function escaped(value: string): string {
  if (/[\n\t]/.test(value)) {
    const inside = value.replaceAll(/['\\]/g, '\\$&').replaceAll('!', '\\x21')
    return `$'${inside.replaceAll('\n', '\\n').replaceAll('\t', '\\t')}'`
  }
  return value.replaceAll(/[^\p{L}\p{N}_@%+=:,./-]/gu, '\\$&')
}
