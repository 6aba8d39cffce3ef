/** A word of a bash command line: its text and its value. */
export interface Typed {
  text: string
  raw: string
  /** The open quote, if the word ends inside quotes. */
  open?: { quote: '"' | "'"; start: number }
  /** Whether it contains a closed quote. */
  closed: boolean
  /** The indexes in `raw` of characters that are neither quoted nor escaped. */
  bare: number[]
}

/**
 * The words of a command up to the cursor, without expansions. After a space the last word is ''. `redirected` means that
 * the last word is a file after < or >.
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

/** The index after the closing quote; undefined if the quote is open. */
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
 * The text that bash inserts for the last part of a word, so that the value of the word is `value`; undefined if that is
 * not possible. bash never expands or runs any of it.
 */
export function bashReply(value: string, word: Typed, breaks: string): string | undefined {
  if (word.closed) return undefined
  if (word.open) {
    const { quote, start } = word.open
    const before = word.raw.slice(0, start - 1)
    // The part before the quote must be plain text to be removed from the value.
    if (!value.startsWith(before) || /[\\]/.test(before)) return undefined
    return quoted(value.slice(before.length), quote)
  }
  // Readline replaces the text after its last unescaped break character.
  const start = 1 + (word.bare.findLast((at) => breaks.includes(word.raw[at] as string)) ?? -1)
  const reply = escaped(value)
  return reply.startsWith(word.raw.slice(0, start)) ? reply.slice(start) : undefined
}

/** Inside double quotes bash always uses ! for its history, also after a backslash. */
function quoted(value: string, quote: '"' | "'"): string | undefined {
  if (/[\n\t]/.test(value) || (quote === '"' && value.includes('!'))) return undefined
  const inside =
    quote === "'" ? value.replaceAll("'", `'\\''`) : value.replaceAll(/["\\$`]/g, '\\$&')
  // Readline closes the quote, unless it assumes that the quote is closed.
  return inside.endsWith(quote) ? inside + quote : inside
}

function escaped(value: string): string {
  if (/[\n\t]/.test(value)) {
    const inside = value.replaceAll(/['\\]/g, '\\$&').replaceAll('!', '\\x21')
    return `$'${inside.replaceAll('\n', '\\n').replaceAll('\t', '\\t')}'`
  }
  return value.replaceAll(/[^\p{L}\p{N}_@%+=:,./-]/gu, '\\$&')
}
