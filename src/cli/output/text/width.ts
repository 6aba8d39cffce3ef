import { eastAsianWidth } from 'get-east-asian-width'

let segmenter: Intl.Segmenter | undefined
const PRINTABLE_ASCII = /^[ -~]*$/
/** All but the last of them, which a mark may follow. */
const ASCII_RUN = /[ -~]+(?=[ -~]|$)/g
/** Drawn in the cell of the character before: marks, joiners, the later letters of a Hangul syllable. */
const ZERO_WIDTH = /[\p{Mn}\p{Me}\u1160-\u11ff\u200b-\u200d\u2060-\u2064\u{e0000}-\u{e007f}]/u
const EMOJI = /\p{Emoji_Presentation}|\ufe0f/u
/** A character that `show` made visible: cut whole or not at all. */
const SHOWN = /(\\(?:x[0-9a-f]{2}|u[0-9a-f]{4}|u\{[0-9a-f]{5,6}\}|[ntr]))/

/** The number of cells that a terminal gives this text, which holds no control characters. */
export function displayWidth(text: string): number {
  if (PRINTABLE_ASCII.test(text)) return text.length
  let width = 0
  const others = text.replace(ASCII_RUN, (run) => {
    width += run.length
    return ''
  })
  for (const grapheme of graphemes(others)) width += graphemeWidth(grapheme)
  return width
}

function graphemeWidth(grapheme: string): number {
  if (EMOJI.test(grapheme)) return 2
  let width = 0
  for (const char of grapheme) {
    if (!ZERO_WIDTH.test(char)) width += eastAsianWidth(char.codePointAt(0) ?? 0)
  }
  return width
}

/** The text in no more than `max` cells, with … where something is missing. */
export function truncate(text: string, max: number): string {
  if (text.length <= max && PRINTABLE_ASCII.test(text)) return text
  let width = 0
  let kept = ''
  let room = ''
  for (const unit of units(text)) {
    width += displayWidth(unit)
    if (width > max) return `${room}…`
    kept += unit
    if (width < max) room = kept
  }
  return text
}

function* units(text: string): Generator<string> {
  for (const [index, part] of text.split(SHOWN).entries()) {
    if (index % 2 === 1) yield part
    else yield* graphemes(part)
  }
}

/** The segmenter takes time by the square of a text's length: 12 s for 80,000 Chinese characters. */
const WINDOW = 256

/** The characters of a text as people count them, in time by its length. */
export function* graphemes(text: string): Generator<string> {
  // Made when the first text needs it: it takes 12 ms, and most tables are ASCII.
  segmenter ??= new Intl.Segmenter('en')
  for (let start = 0, size = WINDOW; start < text.length; ) {
    const part = text.slice(start, wholeAt(text, start + size))
    const isEnd = start + part.length === text.length
    let last = ''
    let taken = 0
    for (const { segment } of segmenter.segment(part)) {
      if (last !== '') yield last
      taken += last.length
      last = segment
    }
    if (isEnd) {
      yield last
      return
    }
    // The last may go on behind the window. Where it fills it, the window is too small.
    start += taken
    size = taken === 0 ? size * 2 : WINDOW
  }
}

/** A place that is not in the middle of a surrogate pair. */
function wholeAt(text: string, at: number): number {
  const high = text.charCodeAt(at - 1)
  return high >= 0xd800 && high <= 0xdbff ? at + 1 : at
}
