import { eastAsianWidth } from 'get-east-asian-width'

let segmenter: Intl.Segmenter | undefined
const PRINTABLE_ASCII = /^[ -~]*$/
/** ASCII without its last character, which a combining mark may follow. */
const ASCII_RUN = /[ -~]+(?=[ -~]|$)/g
/** Drawn in the cell of the character before: marks, joiners, later letters of a Hangul syllable. */
const ZERO_WIDTH = /[\p{Mn}\p{Me}\u1160-\u11ff\u200b-\u200d\u2060-\u2064\u{e0000}-\u{e007f}]/u
const EMOJI = /\p{Emoji_Presentation}|\ufe0f/u
/** A character that `show` made visible: it is never split. */
const SHOWN = /(\\(?:x[0-9a-f]{2}|u[0-9a-f]{4}|u\{[0-9a-f]{5,6}\}|[ntr]))/

/** The number of terminal cells of a text without control characters. */
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

/** Shortens the text to `max` cells, with … at the end. */
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

/** The time of the segmenter is quadratic in the length of the text: 12 s for 80,000 Chinese characters. */
const WINDOW = 256

/** The graphemes (visible characters) of a text, in linear time. */
export function* graphemes(text: string): Generator<string> {
  // Created on first use: it takes 12 ms, and most tables are ASCII.
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
    // The last grapheme may continue after the window. If it fills the window, the window is too small.
    start += taken
    size = taken === 0 ? size * 2 : WINDOW
  }
}

/** The nearest index that does not split a surrogate pair. */
function wholeAt(text: string, at: number): number {
  const high = text.charCodeAt(at - 1)
  return high >= 0xd800 && high <= 0xdbff ? at + 1 : at
}
