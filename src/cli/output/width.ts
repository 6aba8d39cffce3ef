import { eastAsianWidth } from 'get-east-asian-width'

let segmenter: Intl.Segmenter | undefined
const PRINTABLE_ASCII = /^[ -~]*$/
/** Drawn in the cell of the character before: marks, joiners, the later letters of a Hangul syllable. */
const ZERO_WIDTH = /[\p{Mn}\p{Me}\u1160-\u11ff\u200b-\u200d\u2060-\u2064\u{e0000}-\u{e007f}]/u
const EMOJI = /\p{Emoji_Presentation}|\ufe0f/u
/** A character that `show` made visible: cut whole or not at all. */
const SHOWN = /(\\(?:x[0-9a-f]{2}|u[0-9a-f]{4}|[ntr]))/

/** The number of cells that a terminal gives this text, which holds no control characters. */
export function displayWidth(text: string): number {
  if (PRINTABLE_ASCII.test(text)) return text.length
  let width = 0
  for (const { segment } of graphemes(text)) width += graphemeWidth(segment)
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
    else for (const { segment } of graphemes(part)) yield segment
  }
}

/** Made when the first text needs it: it takes 12 ms, and most tables are ASCII. */
function graphemes(text: string): Intl.Segments {
  segmenter ??= new Intl.Segmenter('en')
  return segmenter.segment(text)
}
